-- HOW: the sessions whose return histograms may change: seen (or no longer seen) on a pending day, and on another day.
-- Grain: one session. Inputs: stats.partition_state, stats.session_days, stats.session_day_change. Rule: M6.
create temporary table changed_session on commit drop as
with change as (
    -- On a day the histograms do not include yet, everything has appeared. The days are an array because statistics of
    -- their table are always behind: a join misjudged would read the whole bridge to refresh one day.
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
   )
