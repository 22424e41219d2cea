set local search_path = pg_catalog, pg_temp;
drop table if exists stats.threshold_override, stats.quality_daily;
