-- WHAT: streams of facts that can be silent (Q7): those of clients with 4 weeks of history that were seen within a week.
-- Grain: client, stream (visits, entries). Inputs: stats.bucket_daily; :today.
select b.client_id, s.stream, min(b.bucket_date) as first_day, max(b.bucket_date) as last_day
from stats.bucket_daily b
cross join lateral (values ('visits', b.hits), ('entries', b.conversions)) as s (stream, facts)
where b.grain = 'client' and b.client_id is not null and s.facts > 0 and b.bucket_date <= :today
group by b.client_id, s.stream
having min(b.bucket_date) <= cast(:today as date) - 28 and max(b.bucket_date) >= cast(:today as date) - 7
