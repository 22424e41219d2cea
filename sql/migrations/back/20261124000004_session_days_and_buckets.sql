drop table if exists stats.partition_state, stats.bucket_daily, stats.session_days;
