set local search_path = pg_catalog, pg_temp;
drop table if exists stats.partition_state, stats.bucket_daily, stats.session_days;
