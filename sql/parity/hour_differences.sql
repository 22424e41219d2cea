-- WHAT: hour buckets that differ from the facts; nothing when all agree. Tolerance zero.
-- Grain: business day, UTC hour, client, entity. Inputs: what parity/facts reads, stats.campaign_hourly; :clients, :campaigns (the lists in
-- force), :held_days and :held_clients (parts that are held: their hours are left out, published session-days have none),
-- :first_day, :last_day, :client_id (NULL: everything). Rules: B1, T2, M1-M3. The hour is worked out from the
-- seconds since 1970, apart from numbers/campaign_hours.
with fact as (
{include parity/facts}
),
raw as (
    select f.bucket_date, to_timestamp(floor(extract(epoch from f.happened_at) / 3600) * 3600) as bucket_hour,
           f.client_id, f.entity_type, f.entity_id,
           count(*) filter (where f.is_visit) as hits,
           count(distinct f.session_id collate "C") filter (where f.is_visit) as visits,
           count(*) filter (where f.is_visit and f.session_id is null) as sessionless_hits,
           count(*) filter (where not f.is_visit) as conversions
    from fact f
    -- Where nobody is listed, facts are not read.
    where cardinality(cast(:clients as uuid[])) + cardinality(cast(:campaigns as uuid[])) > 0
      and not f.excluded
      and not exists (
          select from unnest(cast(:held_days as date[]), cast(:held_clients as uuid[])) as held (day, client)
          where held.day = f.bucket_date and held.client is not distinct from f.client_id
      )
      and (f.client_id = any (cast(:clients as uuid[])) or f.entity_id = any (cast(:campaigns as uuid[])))
      and (cast(:client_id as uuid) is null or f.client_id = :client_id)
    group by 1, 2, 3, 4, 5
),
stored as (
    select bucket_date, bucket_hour, client_id, entity_type, entity_id, hits, visits, sessionless_hits, conversions
    from stats.campaign_hourly
    where bucket_date between :first_day and :last_day
      and (cast(:client_id as uuid) is null or client_id = :client_id)
      and not exists (
          select from unnest(cast(:held_days as date[]), cast(:held_clients as uuid[])) as held (day, client)
          where held.day = bucket_date and held.client is not distinct from client_id
      )
)
select
    coalesce(r.bucket_date, s.bucket_date) as bucket_date, 'campaign_hourly' as grain,
    to_char(coalesce(r.bucket_hour, s.bucket_hour) at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI"Z"') as bucket_hour,
    coalesce(r.client_id, s.client_id) as client_id,
    coalesce(r.entity_type, s.entity_type) as entity_type,
    coalesce(r.entity_id, s.entity_id) as entity_id,
    null::uuid as link_id, null as link_status, null as utm_source, null as utm_medium, null as utm_campaign,
    m.measure, m.raw, m.stored
from raw r
full join stored s
    on row(r.bucket_date, r.bucket_hour, r.client_id, r.entity_type, r.entity_id)::text
     = row(s.bucket_date, s.bucket_hour, s.client_id, s.entity_type, s.entity_id)::text
cross join lateral (values
    ('hits', r.hits, s.hits),
    ('visits', r.visits, s.visits),
    ('sessionless_hits', r.sessionless_hits, s.sessionless_hits),
    ('conversions', r.conversions, s.conversions)
) as m (measure, raw, stored)
where m.raw is distinct from m.stored
order by 1, 3, 4, 5, 6, 12
