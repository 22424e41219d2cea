-- HOW: the sessions whose return histograms may change: seen (or no longer seen) on a pending day, and on another day.
-- Grain: one session. Inputs: stats.partition_state, stats.session_days, stats.session_day_change. Rule: M6.
create temporary table changed_session on commit drop as
with change as (
    -- On a day the histograms do not include yet, everything has appeared.
    select s.session_id, s.bucket_date
    from stats.partition_state p
    join stats.session_days s on s.bucket_date = p.bucket_date
    where p.histogram_pending and not p.histogram_included and s.session_id is not null
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
-- Days the changes say nothing of. Without any (a first backfill) nobody needs looking up.
cross join (
    select min(p.bucket_date) as first_day, max(p.bucket_date) as last_day
    from stats.partition_state p
    where p.histogram_included
) settled
where x.first_day < x.last_day
   -- Nine tenths of all sessions are seen on one day only: two index look-ups that find nothing.
   or (settled.first_day < x.first_day and exists (
       select from stats.session_days o
       where stats.session_key(o.session_id) = stats.session_key(x.session_id) and o.bucket_date < x.first_day
         and o.session_id = x.session_id
   ))
   or (settled.last_day > x.last_day and exists (
       select from stats.session_days o
       where stats.session_key(o.session_id) = stats.session_key(x.session_id) and o.bucket_date > x.last_day
         and o.session_id = x.session_id
   ))
