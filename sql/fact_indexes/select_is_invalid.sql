-- Whether an index of ours on a fact table (:index, its name) is what a failed CREATE INDEX CONCURRENTLY left behind: kept
-- up to date, used by nobody.
select not i.indisvalid
from pg_catalog.pg_index i
where i.indexrelid = to_regclass('public.' || quote_ident(:index))
