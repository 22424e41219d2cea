-- WHAT: days of a range that are computed, and when.
-- Grain: one row per day. Inputs: :first_day, :last_day.
select bucket_date, computed_at
from stats.partition_state
where bucket_date between :first_day and :last_day and computed_at is not null
order by bucket_date
