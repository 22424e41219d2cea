-- WHAT: which of some days each of some runs has replaced so far.
-- Grain: run and business day. Inputs: stats.day_ledger (one platform row for every replacement); :run_ids, :days.
select distinct run_id, bucket_date
from stats.day_ledger
where bucket_date = any (cast(:days as date[])) and client_id is null and grain = 'platform'
  and run_id = any (cast(:run_ids as text[]))
