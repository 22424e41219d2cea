-- WHAT: answers of stats.range_summary for windows of days that differ from the facts, at every published grain.
-- Grain: last day of the window, its length, grain, member. Inputs: raw_cell (from the first day of the longest window
-- on), raw_member, stats.range_summary; :first_days, :last_days (the windows, same length arrays), :client_id (NULL: everything).
-- Rules: M5, M6. A session counts in a window on the last day it is seen there; so one pass over the facts answers
-- every window: day d of a member's session counts for the windows that contain d and end before its next day.
with named as (
    select distinct on (member_no) * from raw_member order by member_no
),
member_session as (
    select c.bucket_date, m.member_no, c.session_no, sum(c.hits) as hits, sum(c.conversions) as conversions
    from raw_cell c
    join raw_member m on m.attribution_no = c.attribution_no
    where c.counted
    group by c.bucket_date, m.member_no, c.session_no
),
member_day as (
    select bucket_date, next_date, member_no,
           count(session_no) as sessions, sum(hits) as hits,
           coalesce(sum(hits) filter (where session_no is null), 0) as sessionless_hits, sum(conversions) as conversions
    from (
        select m.*, case when session_no is not null then
                   lead(bucket_date) over (partition by member_no, session_no order by bucket_date) end as next_date
        from member_session m
    ) m
    group by bucket_date, next_date, member_no
),
checked as (
    select * from unnest(cast(:first_days as date[]), cast(:last_days as date[])) as w (first_day, last_day)
),
counted as (
    select w.last_day, w.first_day, m.member_no,
           sum(m.hits)::bigint as hits,
           coalesce(sum(m.sessions) filter (where m.next_date is null or m.next_date > w.last_day), 0)::bigint as visits,
           sum(m.sessionless_hits)::bigint as sessionless_hits,
           sum(m.conversions)::bigint as conversions
    from checked w
    join member_day m on m.bucket_date between w.first_day and w.last_day
    group by w.last_day, w.first_day, m.member_no
),
raw as (
    select c.last_day as bucket_date, c.first_day, n.grain, n.client_id, n.entity_type, n.entity_id, n.link_id,
           n.link_status, n.utm_source, n.utm_medium, n.utm_campaign, c.hits, c.visits, c.sessionless_hits, c.conversions
    from counted c
    join named n on n.member_no = c.member_no
),
stored as (
    select w.last_day as bucket_date, w.first_day, g.name as grain, r.client_id, r.entity_type, r.entity_id, r.link_id,
           r.link_status, r.utm_source, r.utm_medium, r.utm_campaign, r.hits, r.visits, r.sessionless_hits, r.conversions
    from checked w
    cross join stats.grain g
    cross join lateral stats.range_summary(g.name, w.first_day, w.last_day, cast(:client_id as uuid)) r
    where cast(:client_id as uuid) is null or g.by_client
)
select
    coalesce(r.bucket_date, s.bucket_date) as bucket_date,
    coalesce(r.first_day, s.first_day) as first_day,
    coalesce(r.grain, s.grain) as grain,
    coalesce(r.client_id, s.client_id) as client_id,
    coalesce(r.entity_type, s.entity_type) as entity_type,
    coalesce(r.entity_id, s.entity_id) as entity_id,
    coalesce(r.link_id, s.link_id) as link_id,
    coalesce(r.link_status, s.link_status) as link_status,
    coalesce(r.utm_source, s.utm_source) as utm_source,
    coalesce(r.utm_medium, s.utm_medium) as utm_medium,
    coalesce(r.utm_campaign, s.utm_campaign) as utm_campaign,
    m.measure, m.raw, m.stored
from raw r
full join stored s
    on row(r.bucket_date, r.first_day, r.grain, r.client_id, r.entity_type, r.entity_id, r.link_id, r.link_status,
           r.utm_source, r.utm_medium, r.utm_campaign)::text
     = row(s.bucket_date, s.first_day, s.grain, s.client_id, s.entity_type, s.entity_id, s.link_id, s.link_status,
           s.utm_source, s.utm_medium, s.utm_campaign)::text
cross join lateral (values
    ('hits', r.hits, s.hits),
    ('visits', r.visits, s.visits),
    ('sessionless_hits', r.sessionless_hits, s.sessionless_hits),
    ('conversions', r.conversions, s.conversions)
) as m (measure, raw, stored)
where m.raw is distinct from m.stored
order by 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11
