set local search_path = pg_catalog, pg_temp;
drop table if exists stats.return_month;
