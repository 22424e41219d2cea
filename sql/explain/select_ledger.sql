-- WHAT: what changed a day's numbers of a client, newest last.
-- Grain: one row per replacement of the day that changed the client. Inputs: :bucket_date, :client_id (NULL: unknown).
select replaced_at, cause, reason, author, run_id, hits_before, hits_after, visits_before, visits_after,
       conversions_before, conversions_after
from stats.day_ledger
where grain = 'client' and bucket_date = :bucket_date and client_id is not distinct from cast(:client_id as uuid)
order by replaced_at
