set local search_path = pg_catalog, pg_temp;
drop table if exists stats.exclusion, stats.grain, stats.build_settings;
