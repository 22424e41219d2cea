-- WHAT: the indexes of the visit facts other than the primary key. Grain: one row per index.
select c.relname as name, pg_get_indexdef(i.indexrelid) as definition
from pg_index i
join pg_class c on c.oid = i.indexrelid
where i.indrelid = 'public.event_access_logs'::regclass and not i.indisprimary
