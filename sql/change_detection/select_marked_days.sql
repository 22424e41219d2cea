-- WHAT: the days that wait to be computed again, and those that the guard against mass loss holds.
-- Grain: one business day. Inputs: stats.partition_state.
select bucket_date, computed_at, stale_since, stale_cause, held_since, held_reason
from stats.partition_state
where stale_since is not null
order by bucket_date
