-- WHAT: which days of a range can be compared. Grain: one business day.
-- Inputs: :first_day, :last_day. Rule: a day not computed has nothing to compare; a stale day is reported as stale.
select d.day::date as bucket_date, s.bucket_date is not null as computed, false as stale
from generate_series(cast(:first_day as date), cast(:last_day as date), interval '1 day') as d (day)
left join stats.partition_state s on s.bucket_date = d.day::date
order by 1
