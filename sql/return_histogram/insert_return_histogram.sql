-- WHAT, as a difference: for each member of one grain, day and previous day, the sessions that return so now minus those
-- that did when the histograms were last settled (M6).
-- Grain: member, bucket_date, previous_date. Inputs: changed_presence, changed_member, :grain.
-- Alone it suits empty histograms, at half the cost of keeping their index; otherwise return_histogram/upsert_return_histogram.
with member as (
    select * from changed_member where grain = :grain
),
-- A session seen in a member under two attributions on one day has two rows there: the second's previous day is the day
-- itself, and is no return.
returned as (
    select m.member_no, p.bucket_date, 1 as sessions,
           lag(p.bucket_date) over (partition by p.session_no, m.member_no order by p.bucket_date) as previous_date
    from changed_presence p
    join member m on m.attribution_no = p.attribution_no
    where p.is_there > 0
    union all
    select m.member_no, p.bucket_date, -1,
           lag(p.bucket_date) over (partition by p.session_no, m.member_no order by p.bucket_date)
    from changed_presence p
    join member m on m.attribution_no = p.attribution_no
    where p.was_there > 0
),
difference as (
    select member_no, bucket_date, previous_date, sum(sessions) as sessions
    from returned
    where previous_date < bucket_date
    group by member_no, bucket_date, previous_date
    having sum(sessions) <> 0
),
keys as (
    select distinct on (member_no) * from member order by member_no
)
insert into stats.return_histogram as h (
    grain, bucket_date, previous_date, client_id, entity_type, entity_id, link_id, link_status,
    utm_source, utm_medium, utm_campaign, sessions
)
select
    k.grain, d.bucket_date, d.previous_date, k.client_id, k.entity_type, k.entity_id, k.link_id, k.link_status,
    k.utm_source, k.utm_medium, k.utm_campaign, d.sessions
from difference d
join keys k on k.member_no = d.member_no
-- In order of the key (member_no follows its columns): the index then grows page by page.
order by k.client_id, d.bucket_date, d.previous_date, d.member_no
