-- WHAT: the answer of stats.range_summary for one client at client grain, from raw facts by the same definitions.
-- Grain: one row. Inputs: stats.visit_facts, stats.entry_facts, dimensions; :client_id, :window_start, :window_end.
with fact as (
    select 'campaign' as entity_type, v.campaign_id as entity_id, v.session_id, 1 as hits, 0 as conversions
    from stats.campaigns c
    join stats.visit_facts v on v.campaign_id = c.id
    where c.client_id = :client_id and v.accessed_at >= :window_start and v.accessed_at < :window_end
    union all
    select 'webinar', v.webinar_id, v.session_id, 1, 0
    from stats.webinars w
    join stats.visit_facts v on v.webinar_id = w.id and v.campaign_id is null
    where w.client_id = :client_id and v.accessed_at >= :window_start and v.accessed_at < :window_end
    union all
    select 'campaign', e.campaign_id, null, 0, 1
    from stats.entry_facts e
    where e.client_id = :client_id and e.created_at >= :window_start and e.created_at < :window_end
)
select
    sum(f.hits) as hits,
    count(distinct f.session_id) as visits,
    coalesce(sum(f.hits) filter (where f.session_id is null), 0) as sessionless_hits,
    sum(f.conversions) as conversions
from fact f
