set local search_path = pg_catalog, pg_temp;
-- `alert` is what 0.8.0 had for incidents.
drop table if exists stats.failed_check, stats.maintenance_window, stats.incident, stats.alert;
