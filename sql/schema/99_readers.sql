-- What readers are granted (P2), behind everything else: default privileges give them every function and table as it is made.
set local search_path = pg_catalog, pg_temp;

select stats.grant_readers();
