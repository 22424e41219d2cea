-- WHAT: days marked as changed that nothing holds, with when they were last computed.
-- Grain: one row per business day, oldest first. Inputs: stats.partition_state.
select bucket_date, stale_since, computed_at
from stats.partition_state
where stale_since is not null and held_since is null
order by bucket_date
