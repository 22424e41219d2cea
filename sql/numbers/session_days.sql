-- WHAT: the facts of a window, attributed, one row per attribution, session and exclusion.
-- Grain: client, entity, link, link_status, UTM triple, session_id (NULL: sessionless hits and entries), excluded.
-- Inputs: numbers/folded_facts, which holds the rules; :window_start, :window_end.
select
    client_id, entity_type, entity_id, link_id, link_status, utm_source, utm_medium, utm_campaign, session_id,
    sum(hits) as hits, sum(conversions) as conversions, excluded, sum(folded) as folded_facts,
    sum(fact_hash) as fact_hash, sum(attribution_hash) as attribution_hash, sum(id_hash) as id_hash,
    coalesce(sum(id_hash) filter (where recorded_at <= transaction_timestamp() - interval '1 hour'), 0) as settled_id_hash
from (
    {include numbers/folded_facts}
) fact
group by
    client_id, entity_type, entity_id, link_id, link_status, utm_source, utm_medium, utm_campaign, session_id, excluded
