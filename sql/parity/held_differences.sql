-- WHAT: what clients that are held would count now minus what is published of them (E3), signed, with their names.
-- Grain: business day, client. Inputs: raw_cell, stats.session_days, stats.clients; :held_days, :held_clients (the parts
-- that are held), :client_id (NULL: all of them).
with held as (
    select h.bucket_date, h.client_id, coalesce(h.client_id::text, '') as client_key
    from unnest(cast(:held_days as date[]), cast(:held_clients as uuid[])) as h (bucket_date, client_id)
    where cast(:client_id as uuid) is null or h.client_id = :client_id
),
now as (
    select bucket_date, coalesce(client_id::text, '') as client_key, sum(hits) as hits, sum(conversions) as conversions
    from raw_cell
    where not excluded and not counted
    group by 1, 2
),
published as (
    select bucket_date, coalesce(client_id::text, '') as client_key, sum(hits) as hits, sum(conversions) as conversions
    from stats.session_days
    where bucket_date = any (cast(:held_days as date[]))
    group by 1, 2
)
select h.bucket_date, h.client_id, c.name as client_name,
       coalesce(n.hits, 0) - coalesce(p.hits, 0) as hits,
       coalesce(n.conversions, 0) - coalesce(p.conversions, 0) as conversions
from held h
left join stats.clients c on c.id = h.client_id
left join now n on n.bucket_date = h.bucket_date and n.client_key = h.client_key
left join published p on p.bucket_date = h.bucket_date and p.client_key = h.client_key
order by h.bucket_date, h.client_id
