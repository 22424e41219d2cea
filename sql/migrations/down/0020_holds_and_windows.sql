set local search_path = pg_catalog, pg_temp;
-- Without the column, a window that was ended would hold back again.
delete from stats.maintenance_window where ended_at is not null;
alter table stats.maintenance_window drop column if exists ended_at, drop column if exists ended_by, drop column if exists ended_reason;
alter table stats.quality_daily drop column if exists remarked_at;
alter table stats.partition_state drop column if exists losing_reasons;
