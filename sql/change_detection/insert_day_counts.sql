-- HOW: counts and fingerprints of contiguous days, straight from the facts; nothing else of the day is computed.
-- Grain: business day, client, entity, excluded. Inputs: attribution/select_attributed_facts over the days' whole window
-- (:window_start, :window_end); :dates and :starts, the days and their first instants in order (T1).
insert into day_counts (
    bucket_date, client_id, entity_type, entity_id, excluded, hits, conversions, linked_facts, fact_hash,
    attribution_hash
)
select
    (cast(:dates as date[]))[width_bucket(occurred_at, cast(:starts as timestamptz[]))] as bucket_date,
    client_id, entity_type, entity_id, excluded,
    sum(hits), sum(conversions), count(*) filter (where link_status = 'resolved'), sum(fact_hash), sum(attribution_hash)
from (
    {include attribution/select_attributed_facts}
) fact
group by 1, 2, 3, 4, 5
