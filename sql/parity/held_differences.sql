-- WHAT: what clients that are held would count now minus what is published of them (E3), signed, with their names.
-- Grain: business day, client. Inputs: raw_fact, stats.session_days, stats.clients; :held_days, :held_clients (the parts
-- that are held), :client_id (NULL: all of them).
with held as (
    select * from unnest(cast(:held_days as date[]), cast(:held_clients as uuid[])) as h (bucket_date, client_id)
    where cast(:client_id as uuid) is null or h.client_id = :client_id
)
select h.bucket_date, h.client_id, (select c.name from stats.clients c where c.id = h.client_id) as client_name,
       now.hits - published.hits as hits, now.conversions - published.conversions as conversions
from held h
cross join lateral (
    select count(*) filter (where f.is_visit) as hits, count(*) filter (where not f.is_visit) as conversions
    from raw_fact f
    where f.bucket_date = h.bucket_date and f.client_id is not distinct from h.client_id
      and not f.excluded and not f.counted
) now
cross join lateral (
    select coalesce(sum(s.hits), 0) as hits, coalesce(sum(s.conversions), 0) as conversions
    from stats.session_days s
    where s.bucket_date = h.bucket_date and s.client_id is not distinct from h.client_id
) published
order by h.bucket_date, h.client_id
