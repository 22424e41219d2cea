set local search_path = pg_catalog, pg_temp;
drop table if exists stats.campaign_hourly, stats.client_day, stats.partition_state, stats.bucket_daily, stats.session_days;
drop cast if exists (text as stats.entity_type);
drop cast if exists (text as stats.link_status);
drop type if exists stats.entity_type, stats.link_status;
