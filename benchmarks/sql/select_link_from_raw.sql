-- WHAT: the answer of stats.range_summary for one client at link grain, from raw facts by the same definitions.
-- Grain: campaign or webinar, link and status. Inputs: select_facts_of_client, dimensions; :client_id, :window_start, :window_end.
with fact as (
{include select_facts_of_client}
)
select
    f.entity_type, f.entity_id, coalesce(f.link_id, by_cid.id) as link_id,
    case when by_id.id is not null or by_cid.id is not null then 'resolved'
         when f.link_id is not null or f.cid is not null then 'unresolved'
         else 'unknown' end as link_status,
    sum(f.hits) as hits,
    count(distinct f.session_id) as visits,
    coalesce(sum(f.hits) filter (where f.session_id is null), 0) as sessionless_hits,
    sum(f.conversions) as conversions
from fact f
left join stats.links by_id on by_id.id = f.link_id and by_id.client_id = :client_id
left join stats.links by_cid on f.link_id is null and by_cid.cid = f.cid and by_cid.client_id = :client_id
group by 1, 2, 3, 4
