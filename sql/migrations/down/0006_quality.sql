set local search_path = pg_catalog, pg_temp;
drop table if exists stats.threshold_override, stats.day_check, stats.quality_daily;
