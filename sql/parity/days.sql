-- WHAT: which days of a range were computed: the others have nothing to compare. Grain: one business day.
-- Inputs: :first_day, :last_day.
select d.day::date as bucket_date, s.computed_at is not null as computed
from generate_series(cast(:first_day as date), cast(:last_day as date), interval '1 day') as d (day)
left join stats.partition_state s on s.bucket_date = d.day::date
order by 1
