set local search_path = pg_catalog, pg_temp;
drop table if exists stats.return_histogram, stats.session_day_change;
drop index if exists stats.session_days_session_idx;
drop function if exists stats.session_key(text);
alter table stats.partition_state
    drop column if exists histogram_pending,
    drop column if exists histogram_included;
