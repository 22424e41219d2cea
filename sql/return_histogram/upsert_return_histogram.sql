-- WHAT, as a difference: for each member, day and previous day, the sessions that return so now minus those that did
-- when the histograms were last settled, added to what is stored (M6).
-- Grain: grain, member, bucket_date, previous_date. Inputs: changed_presence, changed_member.
with member_day as (
    select m.member_no, p.session_no, p.bucket_date, max(p.was_there) as was_there, max(p.is_there) as is_there
    from changed_presence p
    join changed_member m on m.attribution_no = p.attribution_no
    group by m.member_no, p.session_no, p.bucket_date
),
returned as (
    select member_no, bucket_date, 1 as sessions,
           lag(bucket_date) over (partition by member_no, session_no order by bucket_date) as previous_date
    from member_day
    where is_there = 1
    union all
    select member_no, bucket_date, -1,
           lag(bucket_date) over (partition by member_no, session_no order by bucket_date)
    from member_day
    where was_there = 1
),
difference as (
    select member_no, bucket_date, previous_date, sum(sessions) as sessions
    from returned
    where previous_date is not null
    group by member_no, bucket_date, previous_date
    having sum(sessions) <> 0
),
member as (
    select distinct on (member_no) *
    from changed_member
    order by member_no
)
insert into stats.return_histogram as h (
    grain, bucket_date, previous_date, client_id, entity_type, entity_id, link_id, link_status,
    utm_source, utm_medium, utm_campaign, sessions
)
select
    m.grain, d.bucket_date, d.previous_date, m.client_id, m.entity_type, m.entity_id, m.link_id, m.link_status,
    m.utm_source, m.utm_medium, m.utm_campaign, d.sessions
from difference d
join member m on m.member_no = d.member_no
on conflict (
    grain, client_id, bucket_date, previous_date, entity_type, entity_id, link_id, link_status,
    utm_source, utm_medium, utm_campaign
) do update set sessions = h.sessions + excluded.sessions
