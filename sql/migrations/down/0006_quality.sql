set local search_path = pg_catalog, pg_temp;
drop table if exists stats.accepted_check, stats.threshold_override, stats.day_check, stats.quality_daily;
