-- Indexes of ours on facts that a failed CREATE INDEX CONCURRENTLY left behind: kept up to date, used by nobody.
select i.indexrelid::regclass::text as name
from pg_index i
join pg_class c on c.oid = i.indexrelid
where c.relnamespace = 'public'::regnamespace and c.relname like '%\_stats\_idx' and not i.indisvalid
