-- WHAT: days up to :today that no computation from after their end stands for: never computed, or computed before they
-- were over. Today itself is listed when it was never computed. Looks back to :first_day, and further when no day
-- since the last computed one has been (nothing ran for a while).
-- Grain: one row per business day, oldest first. Inputs: stats.partition_state, stats.calendar; :first_day, :today.
with computed as (
    select bucket_date, window_end, facts_at, computed_at, held_since
    from stats.partition_state
    where computed_at is not null
),
reach as (
    select greatest(
        c.first_partition,
        least(cast(:first_day as date), (select max(bucket_date) + 1 from computed where bucket_date <= :today))
    ) as first_day
    from stats.calendar c
)
select days.day::date as bucket_date, s.computed_at
from reach
cross join generate_series(reach.first_day, cast(:today as date), interval '1 day') as days (day)
left join computed s on s.bucket_date = days.day::date
where s.bucket_date is null
   or (s.held_since is null and s.bucket_date < :today and s.facts_at < s.window_end)
order by days.day
