-- Return histograms (M6): merging pending days into them, rebuilding them, pruning session-days.

-- name: create_changed_session
-- HOW: the sessions whose return histograms may change: seen (or no longer seen) on a pending day, and on another day.
-- Grain: one session. Inputs: stats.partition_state, stats.session_days, stats.session_day_change. Rule: M6.
create temporary table changed_session on commit drop as
with change as (
    -- On a day the histograms do not include yet, everything has appeared. The days are an array because statistics of
    -- their table are always behind: a join misjudged would read the whole session-days to refresh one day.
    select s.session_id, s.bucket_date
    from stats.session_days s
    where s.session_id is not null
      and s.bucket_date = any (array(
          select p.bucket_date from stats.partition_state p where p.histogram_pending and not p.histogram_included
      ))
    union all
    select c.session_id, c.bucket_date
    from stats.session_day_change c
),
spread as (
    select session_id, min(bucket_date) as first_day, max(bucket_date) as last_day
    from change
    group by session_id
)
select row_number() over () as session_no, x.session_id
from spread x
where x.first_day < x.last_day
   -- Nine tenths of all sessions are seen on one day only: two index look-ups that find nothing, and not even those
   -- where there is no day the changes say nothing of (a first backfill).
   or (
       (select min(p.bucket_date) from stats.partition_state p where p.histogram_included) < x.first_day is true
       and exists (
           select from stats.session_days o
           where stats.session_key(o.session_id) = stats.session_key(x.session_id) and o.bucket_date < x.first_day
             and o.session_id = x.session_id
       )
   )
   or (
       (select max(p.bucket_date) from stats.partition_state p where p.histogram_included) > x.last_day is true
       and exists (
           select from stats.session_days o
           where stats.session_key(o.session_id) = stats.session_key(x.session_id) and o.bucket_date > x.last_day
             and o.session_id = x.session_id
       )
   );

-- name: create_changed_presence
-- HOW: every day of the changed sessions: attributed to what, there when the histograms were last merged, there now.
-- Grain: session, business day, attribution; was_there and is_there are 0 or 1. Rule: M6.
-- Inputs: changed_session, stats.session_days, stats.partition_state, stats.session_day_change.
create temporary table changed_presence on commit drop as
select
    session_no, bucket_date, client_id, entity_type, entity_id, link_id, link_status, utm_source, utm_medium,
    utm_campaign,
    dense_rank() over (
        order by client_id, entity_type, entity_id, link_id, link_status, utm_source collate "C", utm_medium collate "C",
                 utm_campaign collate "C"
    ) as attribution_no,
    sum(was_there) as was_there,
    sum(is_there) as is_there
from (
    select x.session_no, s.bucket_date, s.client_id, s.entity_type, s.entity_id, s.link_id, s.link_status,
           s.utm_source, s.utm_medium, s.utm_campaign,
           case when p.histogram_included then 1 else 0 end as was_there, 1 as is_there
    from changed_session x
    join stats.session_days s
        on stats.session_key(s.session_id) = stats.session_key(x.session_id) and s.session_id = x.session_id
    join stats.partition_state p on p.bucket_date = s.bucket_date
    union all
    select x.session_no, c.bucket_date, c.client_id, c.entity_type, c.entity_id, c.link_id, c.link_status,
           c.utm_source, c.utm_medium, c.utm_campaign,
           -c.change, 0
    from changed_session x
    join stats.session_day_change c on c.session_id = x.session_id
) presence
group by
    session_no, bucket_date, client_id, entity_type, entity_id, link_id, link_status, utm_source, utm_medium,
    utm_campaign;

-- name: create_changed_member
-- HOW: which member of each grain an attribution belongs to, both as numbers, so that what follows compares integers.
-- Grain: one row per attribution and grain. Inputs: changed_presence, stats.grain. Rule: M5.
create temporary table changed_member on commit drop as
select
    attribution_no, grain, client_id, entity_type, entity_id, link_id, link_status, utm_source, utm_medium,
    utm_campaign,
    dense_rank() over (
        order by grain, client_id, entity_type, entity_id, link_id, link_status, utm_source collate "C",
                 utm_medium collate "C", utm_campaign collate "C"
    ) as member_no
from (
    select
        a.attribution_no,
        g.name as grain,
        case when g.by_client then a.client_id end as client_id,
        case when g.by_entity then cast(a.entity_type as stats.entity_type) end as entity_type,
        case when g.by_entity then a.entity_id end as entity_id,
        case when g.by_link then a.link_id end as link_id,
        case when g.by_link then cast(a.link_status as stats.link_status) end as link_status,
        case when g.by_utm_source then a.utm_source end as utm_source,
        case when g.by_utm_medium then a.utm_medium end as utm_medium,
        case when g.by_utm_campaign then a.utm_campaign end as utm_campaign
    from (
        select distinct
            attribution_no, client_id, entity_type, entity_id, link_id, link_status, utm_source, utm_medium,
            utm_campaign
        from changed_presence
    ) a
    cross join stats.grain g
) attribution_member;

-- name: insert_return_histogram
-- WHAT, as a difference: for each member of one grain, day and previous day, the sessions that return so now minus those
-- that did when they were last merged (M6).
-- Grain: member, bucket_date, previous_date. Inputs: changed_presence, changed_member, :grain.
-- Alone it suits empty histograms, at half the cost of keeping their index; otherwise storage/ranges/upsert_return_histogram.
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
),
months as (
    insert into stats.return_month as m (
        grain, month, previous_month, client_id, entity_type, entity_id, link_id, link_status,
        utm_source, utm_medium, utm_campaign, sessions
    )
    select
        k.grain, d.month, d.previous_month, k.client_id, k.entity_type, k.entity_id, k.link_id, k.link_status,
        k.utm_source, k.utm_medium, k.utm_campaign, d.sessions
    from (
        select member_no, date_trunc('month', bucket_date::timestamp)::date as month,
               date_trunc('month', previous_date::timestamp)::date as previous_month, sum(sessions) as sessions
        from difference
        group by 1, 2, 3
        having sum(sessions) <> 0
    ) d
    join keys k on k.member_no = d.member_no
    order by k.client_id, d.month, d.previous_month, d.member_no
    on conflict (
        grain, client_id, month, previous_month, entity_type, entity_id, link_id, link_status,
        utm_source, utm_medium, utm_campaign
    ) do update set sessions = m.sessions + excluded.sessions
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
order by k.client_id, d.bucket_date, d.previous_date, d.member_no;

-- name: upsert_return_histogram
-- HOW: adds the differences of one grain to what is stored. Grain: member, bucket_date, previous_date. Inputs: as included.
{include storage/ranges/insert_return_histogram}
on conflict (
    grain, client_id, bucket_date, previous_date, entity_type, entity_id, link_id, link_status,
    utm_source, utm_medium, utm_campaign
) do update set sessions = h.sessions + excluded.sessions;

-- name: delete_empty_returns
-- HOW: removes what the step brought down to no session; returns how many rows were below that, which cannot be.
-- Grain: one row of stats.return_histogram, or of stats.return_month.
with nothing as (
    delete from stats.return_histogram where sessions <= 0 returning sessions
),
nothing_of_months as (
    delete from stats.return_month where sessions <= 0 returning sessions
)
select count(*) filter (where sessions < 0) as negative
from (
    select sessions from nothing
    union all
    select sessions from nothing_of_months
) gone;

-- name: delete_merged_changes
-- HOW: deletes the noted changes; the histograms include them now. No day can add one meanwhile (exclusive lock).
delete from stats.session_day_change;

-- name: update_merged_days
-- HOW: marks the pending days as included in the histograms. Grain: one business day. Returns the days.
update stats.partition_state
set histogram_pending = false, histogram_included = true
where histogram_pending
returning bucket_date;

-- name: delete_spanning
-- HOW: removes every histogram row that touches or spans the days :first_day to :last_day, except those whose predecessor
-- was pruned from session-days, which nothing could bring back. Grain: one row. Rule: M6.
delete from stats.return_histogram
where bucket_date >= :first_day and previous_date <= :last_day
  and previous_date >= coalesce((select c.session_days_from from stats.build_settings c), '-infinity');

-- name: insert_spanning
-- HOW: writes every histogram row that touches or spans the days :current_first to :current_last, from session-days alone.
-- Grain: one row. Inputs: what numbers/returns reads (:from_day: :current_first, :last_day: the newest day there is). Rule: M6.
insert into stats.return_histogram (
    grain, bucket_date, previous_date, client_id, entity_type, entity_id, link_id, link_status,
    utm_source, utm_medium, utm_campaign, sessions
)
select r.* from (
{include numbers/returns}
) r
where r.previous_date <= :current_last
  and r.previous_date >= coalesce((select c.session_days_from from stats.build_settings c), '-infinity');

-- name: delete_spanning_months
-- HOW: removes the months that delete_spanning may have removed days of. Grain: one row of stats.return_month. Rule: M6.
delete from stats.return_month
where month >= date_trunc('month', cast(:first_day as timestamp)) and previous_month <= cast(:last_day as date);

-- name: insert_spanning_months
-- HOW: adds up the months anew that delete_spanning_months removed: whole ones, of all their days as stored.
-- Grain: member, month, previous month. Inputs: stats.return_histogram; :first_day, :last_day. Rule: M6.
insert into stats.return_month (
    grain, month, previous_month, client_id, entity_type, entity_id, link_id, link_status,
    utm_source, utm_medium, utm_campaign, sessions
)
select
    h.grain, date_trunc('month', h.bucket_date::timestamp)::date, date_trunc('month', h.previous_date::timestamp)::date,
    h.client_id, h.entity_type, h.entity_id, h.link_id, h.link_status, h.utm_source, h.utm_medium, h.utm_campaign,
    sum(h.sessions)
from stats.return_histogram h
where h.bucket_date >= date_trunc('month', cast(:first_day as timestamp))
  and h.previous_date < date_trunc('month', cast(:last_day as timestamp)) + interval '1 month'
group by 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11;

-- name: delete_changes_of_days
-- HOW: deletes the noted changes of the days :first_day to :last_day; their histograms were written anew.
delete from stats.session_day_change where bucket_date between :first_day and :last_day;

-- name: update_rebuilt_days
-- HOW: marks the days :first_day to :last_day as included in the histograms. Grain: one business day.
update stats.partition_state
set histogram_pending = false, histogram_included = true
where bucket_date between :first_day and :last_day;

-- name: delete_pruned_session_days
-- HOW: deletes session-days before a day; its buckets and return histograms stay. Rule: M6.
-- Grain: one row of stats.session_days. Inputs: :session_days_from.
delete from stats.session_days where bucket_date < :session_days_from;
