-- WHAT: what a day's stored buckets were computed from, and why the guard holds them, if it does; no row when it was never computed. Input: :bucket_date.
select facts, owned_facts, excluded_hits + excluded_conversions as excluded_facts, fingerprint,
       attribution_fingerprint, definition, held_reason
from stats.partition_state
where bucket_date = :bucket_date and computed_at is not null
