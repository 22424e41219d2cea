set local search_path = pg_catalog, pg_temp;
drop table if exists stats.return_histogram, stats.session_day_change;
drop index if exists stats.partition_state_pending_idx, stats.session_days_session_idx;
drop function if exists stats.session_key(text);
