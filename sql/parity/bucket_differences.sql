-- WHAT: buckets that differ from the facts, at every published grain; nothing when all agree. Tolerance zero.
-- Grain: business day, grain, member (key columns that are none of the grain are NULL).
-- Inputs: raw_cell, raw_member, stats.bucket_daily; :first_day, :last_day, :client_id (NULL: everything, else the
-- grains within that client). Rules: M1-M3, M5. Visits are distinct sessions, counted at each member by themselves.
with several as (
    select bucket_date, session_no
    from raw_cell
    where counted and session_no is not null and bucket_date between :first_day and :last_day
    group by bucket_date, session_no
    having count(*) > 1
),
cell as (
    select c.bucket_date, c.attribution_no, c.session_no, c.hits, c.conversions, s.session_no is not null as has_others
    from raw_cell c
    left join several s on s.bucket_date = c.bucket_date and s.session_no = c.session_no
    where c.counted and c.bucket_date between :first_day and :last_day
),
part as (
    -- A session with one attribution on the day is one visit of each of that attribution's members.
    select a.bucket_date, m.member_no, a.hits, a.visits, a.sessionless_hits, a.conversions
    from (
        select bucket_date, attribution_no, sum(hits) as hits, count(session_no) as visits,
               coalesce(sum(hits) filter (where session_no is null), 0) as sessionless_hits,
               sum(conversions) as conversions
        from cell
        where not has_others
        group by bucket_date, attribution_no
    ) a
    join raw_member m on m.attribution_no = a.attribution_no
    union all
    -- One with several is looked for at each member by itself.
    select bucket_date, member_no, sum(hits), count(*), 0, sum(conversions)
    from (
        select c.bucket_date, m.member_no, c.session_no, sum(c.hits) as hits, sum(c.conversions) as conversions
        from cell c
        join raw_member m on m.attribution_no = c.attribution_no
        where c.has_others
        group by c.bucket_date, m.member_no, c.session_no
    ) member_session
    group by bucket_date, member_no
),
counted as (
    select bucket_date, member_no, sum(hits) as hits, sum(visits) as visits,
           sum(sessionless_hits) as sessionless_hits, sum(conversions) as conversions
    from part
    group by bucket_date, member_no
),
named as (
    select distinct on (member_no) * from raw_member order by member_no
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
