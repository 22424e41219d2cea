-- WHAT: days whose facts changed since they were computed, or whose healing is held.
-- Grain: one row per day. Inputs: stats.partition_state.
select bucket_date, stale_since, stale_cause, held_since, held_reason
from stats.partition_state
where stale_since is not null or held_since is not null
order by bucket_date
