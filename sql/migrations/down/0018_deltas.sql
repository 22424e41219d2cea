set local search_path = pg_catalog, pg_temp;
drop index if exists stats.session_days_sessionless_idx;
alter table stats.day_ledger drop column if exists published;
drop table if exists stats.delta_day;
