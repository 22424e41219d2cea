set local search_path = pg_catalog, pg_temp;
drop function if exists stats.range_state(date, date);
drop function if exists stats.daily_series(text, date, date, uuid);
drop function if exists stats.range_summary(text, date, date, uuid);
drop function if exists stats.require_grain_reader(text, uuid, uuid[]);
drop function if exists stats.require_range(text, date, date);
drop function if exists stats.require_dates(date, date);
drop function if exists stats.range_rows(text, date, date, uuid, uuid[]);
alter table stats.calendar drop column if exists bridge_days, drop column if exists bridge_from;
