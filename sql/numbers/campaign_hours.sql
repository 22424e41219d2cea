-- WHAT: the hour buckets of a window for the listed clients and campaigns (B1), each counted at its own hour (M1-M3).
-- Grain: UTC hour (T2), client, entity. Inputs: numbers/folded_facts, which holds the rules;
-- :window_start, :window_end; :clients, :campaigns (arrays of ids; a webinar's id counts as a campaign's).
select
    date_trunc('hour', occurred_at, 'UTC') as bucket_hour, client_id, entity_type, entity_id,
    sum(hits) as hits,
    count(distinct session_id) as visits,
    coalesce(sum(hits) filter (where session_id is null), 0) as sessionless_hits,
    sum(conversions) as conversions
from (
    {include numbers/folded_facts}
) fact
where not excluded
  and (client_id = any (cast(:clients as uuid[])) or entity_id = any (cast(:campaigns as uuid[])))
group by bucket_hour, client_id, entity_type, entity_id
