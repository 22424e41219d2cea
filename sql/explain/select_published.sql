-- WHAT: the published bucket of one client, or of one campaign or webinar of it, on one day.
-- Grain: at most one row. Inputs: :bucket_date, :client_id (NULL: unknown), :entity_id (NULL: the client's bucket).
select sum(b.hits)::bigint as hits, sum(b.visits)::bigint as visits,
       sum(b.sessionless_hits)::bigint as sessionless_hits, sum(b.conversions)::bigint as conversions
from stats.bucket_daily b
where b.bucket_date = :bucket_date and b.client_id is not distinct from cast(:client_id as uuid)
  and b.grain = case when cast(:entity_id as uuid) is null then 'client' else 'campaign' end
  and (cast(:entity_id as uuid) is null or b.entity_id = cast(:entity_id as uuid))
having count(*) > 0
