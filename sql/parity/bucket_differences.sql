-- WHAT: buckets that differ from the facts, at every published grain; nothing when all agree. Tolerance zero.
-- Grain: business day, grain, member (key columns that are none of the grain are NULL).
-- Inputs: raw_fact, stats.grain, stats.bucket_daily; :first_day, :last_day, :client_id (NULL: everything, else the
-- grains within that client). Rules: M1-M3, M5. Visits are COUNT(DISTINCT session) straight from the facts.
with
{include parity/members},
counted as (
    select
        f.bucket_date, m.member_no,
        count(*) filter (where f.is_visit) as hits,
        count(distinct f.session_no) as visits,
        count(*) filter (where f.is_visit and f.session_no is null) as sessionless_hits,
        count(*) filter (where not f.is_visit) as conversions
    from raw_fact f
    join member m on m.attribution_no = f.attribution_no
    where f.counted and f.bucket_date between :first_day and :last_day
    group by f.bucket_date, m.member_no
),
raw as (
    select c.bucket_date, n.grain, n.client_id, n.entity_type, n.entity_id, n.link_id, n.link_status,
           n.utm_source, n.utm_medium, n.utm_campaign, c.hits, c.visits, c.sessionless_hits, c.conversions
    from counted c
    join named n on n.member_no = c.member_no
),
stored as (
    select b.bucket_date, b.grain, b.client_id, b.entity_type::text, b.entity_id, b.link_id, b.link_status::text,
           b.utm_source, b.utm_medium, b.utm_campaign, b.hits, b.visits, b.sessionless_hits, b.conversions
    from stats.bucket_daily b
    where b.bucket_date between :first_day and :last_day
      and (cast(:client_id as uuid) is null or b.client_id = :client_id)
)
{include parity/measures_that_differ}
