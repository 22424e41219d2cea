-- WHAT: what is known of a day. Grain: at most one row. Inputs: :bucket_date.
select computed_at, watermark, run_id, stale_since, stale_cause, held_since, held_reason
from stats.partition_state
where bucket_date = :bucket_date
