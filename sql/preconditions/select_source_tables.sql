-- Names of EventFlow's tables (:tables) that exist, also those the caller may not read.
select c.relname::text
from pg_catalog.pg_class c
where c.relnamespace = 'public'::regnamespace and c.relname = any (cast(:tables as text[]))
