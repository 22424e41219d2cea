-- HOW: the same counts of a day that is being replaced, from its staged facts.
-- Grain: client, entity, excluded. Inputs: stage_session_days, :bucket_date.
insert into day_counts (
    bucket_date, client_id, entity_type, entity_id, excluded, hits, conversions, linked_facts, fact_hash,
    attribution_hash
)
select
    cast(:bucket_date as date), client_id, entity_type, entity_id, excluded,
    sum(hits), sum(conversions), coalesce(sum(hits + conversions) filter (where link_status = 'resolved'), 0),
    sum(fact_hash), sum(attribution_hash)
from stage_session_days
group by client_id, entity_type, entity_id, excluded
