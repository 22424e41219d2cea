-- WHAT: the answer of stats.range_summary for one client at campaign grain, from raw facts by the same definitions.
-- Grain: campaign or webinar. Inputs: select_facts_of_client; :client_id, :window_start, :window_end.
with fact as (
{include select_facts_of_client}
)
select
    f.entity_type, f.entity_id,
    sum(f.hits) as hits,
    count(distinct f.session_id) as visits,
    coalesce(sum(f.hits) filter (where f.session_id is null), 0) as sessionless_hits,
    sum(f.conversions) as conversions
from fact f
group by f.entity_type, f.entity_id
