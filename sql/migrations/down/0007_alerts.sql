set local search_path = pg_catalog, pg_temp;
drop table if exists stats.failed_check, stats.maintenance_window, stats.incident;
