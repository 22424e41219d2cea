-- WHAT: entries and visits of each client over the trailing window and over the business day so far (Q6).
-- Grain: one row per client with enough entries in either. Inputs: numbers/visits, stats.entry_facts, dimensions;
-- :window_start, :day_start, :now (instants, half-open), :min_entries.
-- Rules: Q6 by event time (T2), so back-dated entries do not count; E2 client, E3 exclusion, M2 visits.
with visit as (
    select v.client_id, v.session_id, v.accessed_at
    from (
        {include numbers/visits}
    ) v
    where v.accessed_at >= least(:window_start, :day_start) and v.accessed_at < :now
      and not exists (select from stats.exclusion x where x.campaign_id = v.campaign_id)
),
visits as (
    select client_id,
           count(distinct session_id) filter (where accessed_at >= :window_start) as window_visits,
           count(*) filter (where accessed_at >= :window_start) as window_hits,
           count(distinct session_id) filter (where accessed_at >= :day_start) as day_visits,
           count(*) filter (where accessed_at >= :day_start) as day_hits,
           max(accessed_at) filter (where session_id is not null) as last_visit_at
    from visit
    group by client_id
),
entries as (
    select e.client_id,
           count(*) filter (where e.created_at >= :window_start) as window_entries,
           count(*) filter (where e.created_at >= :day_start) as day_entries,
           min(e.created_at) as first_entry_at
    from stats.entry_facts e
    where e.created_at >= least(:window_start, :day_start) and e.created_at < :now
      and not exists (select from stats.exclusion x where x.campaign_id = e.campaign_id)
    group by e.client_id
)
select e.client_id, k.name as client_name, e.window_entries, e.day_entries, e.first_entry_at,
       coalesce(v.window_visits, 0) as window_visits, coalesce(v.window_hits, 0) as window_hits,
       coalesce(v.day_visits, 0) as day_visits, coalesce(v.day_hits, 0) as day_hits, v.last_visit_at
from entries e
left join visits v on v.client_id = e.client_id
left join stats.clients k on k.id = e.client_id
where e.window_entries >= :min_entries or e.day_entries >= :min_entries
order by e.client_id
