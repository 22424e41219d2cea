-- HOW: the attributed facts, grouped once and kept for the statements of this transaction; of parts of days that are held
-- (:held_days, :held_clients) what is published counts in their place (E3), without the time it was recorded.
with held as (
    select distinct h.bucket_date, h.client_id, coalesce(h.client_id::text, '') as client_key
    from unnest(cast(:held_days as date[]), cast(:held_clients as uuid[])) as h (bucket_date, client_id)
),
fact as (
{include parity/facts}
),
staged as (
    select f.bucket_date, f.client_id, f.entity_type, f.entity_id, f.link_id, f.link_status,
           f.utm_source, f.utm_medium, f.utm_campaign, case when f.is_visit then f.session_id end as session_id, f.excluded,
           not f.excluded and h.bucket_date is null as counted,
           case when f.is_visit then 1 else 0 end as hits, case when f.is_visit then 0 else 1 end as conversions, f.created_at
    from fact f
    left join held h on h.bucket_date = f.bucket_date and h.client_key = coalesce(f.client_id::text, '')
    union all
    select s.bucket_date, s.client_id, s.entity_type, s.entity_id, s.link_id, s.link_status,
           s.utm_source, s.utm_medium, s.utm_campaign, k.session_id, false, true, k.hits, k.conversions, null
    from stats.session_days s
    join held h on h.bucket_date = s.bucket_date and h.client_key = coalesce(s.client_id::text, '')
    cross join lateral (values (s.session_id, s.hits, 0), (null, 0, s.conversions)) as k (session_id, hits, conversions)
    where s.bucket_date = any (cast(:held_days as date[])) and (k.hits > 0 or k.conversions > 0)
),
cell as (
    select bucket_date, client_id, entity_type, entity_id, link_id, link_status, utm_source, utm_medium, utm_campaign,
           session_id, excluded, counted, sum(hits) as hits, sum(conversions) as conversions, max(created_at) as newest
    from staged
    group by bucket_date, client_id, entity_type, entity_id, link_id, link_status, utm_source, utm_medium, utm_campaign,
             session_id, excluded, counted
)
insert into raw_cell (
    bucket_date, attribution_no, session_no, client_id, entity_type, entity_id, link_id, link_status,
    utm_source, utm_medium, utm_campaign, session_id, excluded, counted, hits, conversions, newest
)
select
    bucket_date,
    -- Any order will do: first by what tells most of them apart.
    dense_rank() over (
        order by link_id, entity_id, utm_campaign collate "C", utm_source collate "C", utm_medium collate "C", client_id,
                 entity_type collate "C", link_status collate "C"
    ),
    case when session_id is not null then dense_rank() over (order by session_id collate "C") end,
    client_id, entity_type, entity_id, link_id, link_status, utm_source, utm_medium, utm_campaign,
    session_id, excluded, counted, hits, conversions, newest
from cell
