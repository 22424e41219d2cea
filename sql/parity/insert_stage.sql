-- HOW: the attributed facts, kept for the statements of this transaction; of parts of days that are held (:held_days,
-- :held_clients) what is published counts in their place (E3): one row a hit or entry, without the time it happened.
with held as (
    select * from unnest(cast(:held_days as date[]), cast(:held_clients as uuid[])) as h (bucket_date, client_id)
),
fact as (
{include parity/facts}
),
staged as (
    select f.bucket_date, f.is_visit, f.client_id, f.entity_type, f.entity_id, f.link_id, f.link_status,
           f.utm_source, f.utm_medium, f.utm_campaign, f.session_id, f.excluded,
           not f.excluded and not exists (
               select from held h where h.bucket_date = f.bucket_date and h.client_id is not distinct from f.client_id
           ) as counted,
           f.happened_at, f.created_at
    from fact f
    union all
    select s.bucket_date, k.is_visit, s.client_id, s.entity_type, s.entity_id, s.link_id, s.link_status,
           s.utm_source, s.utm_medium, s.utm_campaign, s.session_id, false, true, null, null
    from held h
    join stats.session_days s on s.bucket_date = h.bucket_date and s.client_id is not distinct from h.client_id
    cross join lateral (
        select true as is_visit from generate_series(1, s.hits)
        union all
        select false from generate_series(1, s.conversions)
    ) k
)
insert into raw_fact (
    bucket_date, attribution_no, session_no, is_visit, client_id, entity_type, entity_id, link_id, link_status,
    utm_source, utm_medium, utm_campaign, session_id, excluded, counted, happened_at, created_at
)
select
    bucket_date,
    dense_rank() over (
        order by client_id, entity_type collate "C", entity_id, link_id, link_status collate "C",
                 utm_source collate "C", utm_medium collate "C", utm_campaign collate "C"
    ),
    case when is_visit and session_id is not null then dense_rank() over (order by session_id collate "C") end,
    is_visit, client_id, entity_type, entity_id, link_id, link_status, utm_source, utm_medium, utm_campaign,
    session_id, excluded, counted, happened_at, created_at
from staged
