set local search_path = pg_catalog, pg_temp;
drop table if exists stats.exclusion, stats.grain, stats.definition_change, stats.build_settings;
