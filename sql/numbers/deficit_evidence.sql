-- WHAT: what shows why a client's visits are missing while its entries go on.
-- Grain: one row. Inputs: numbers/visits, stats.visit_facts, stats.entry_facts, dimensions; :client_id, :window_start, :now.
-- Rules: E1, E2, E3, M2, S5.
with entry as (
    select e.campaign_id, e.session_id
    from stats.entry_facts e
    where e.created_at >= :window_start and e.created_at < :now and e.client_id = :client_id
),
hit as (
    select v.session_id, v.campaign_id, v.client_id, v.entity_row_is_missing,
           exists (select from stats.exclusion x where x.campaign_id = v.campaign_id) as excluded
    from (
        {include numbers/visits}
    ) v
    where v.accessed_at >= :window_start and v.accessed_at < :now
)
select
    (select count(*) from entry) as entries,
    (select count(*) from entry where session_id is not null) as entries_with_session,
    count(*) as all_hits,
    count(*) filter (where h.client_id = :client_id and not h.excluded) as client_hits,
    count(*) filter (where h.client_id = :client_id and not h.excluded and h.session_id is null) as sessionless_hits,
    count(*) filter (where h.client_id = :client_id and h.excluded) as excluded_hits,
    count(*) filter (where h.entity_row_is_missing and h.campaign_id in (select e.campaign_id from entry e))
        as hits_of_missing_campaigns,
    (select count(*) from stats.visit_facts v
     where v.created_at >= :window_start and v.created_at < :now
       and (v.accessed_at < :window_start or v.accessed_at >= :now)
       and v.campaign_id in (select e.campaign_id from entry e)) as misdated_hits,
    (select max(v.accessed_at) from stats.visit_facts v
     where v.accessed_at >= :window_start - interval '1 day' and v.accessed_at < :now) as last_hit_at
from hit h
