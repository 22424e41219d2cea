-- WHAT: totals of one day as staged, what was excluded (E3), and the raw facts they must add up to.
-- Grain: one row. Inputs: stage_session_days, stats.visit_facts, stats.entry_facts; :window_start, :window_end.
-- Rules: M1-M3, E2, E3, A2; facts, owned_facts and the fingerprints include what is excluded; raw_hits
-- and raw_conversions count the facts without any join.
with raw_visits as (
    select count(*) as facts, max(v.created_at) as newest
    from stats.visit_facts v
    where v.accessed_at >= :window_start and v.accessed_at < :window_end
),
raw_entries as (
    select count(*) as facts, max(e.created_at) as newest
    from stats.entry_facts e
    where e.created_at >= :window_start and e.created_at < :window_end
)
select
    count(*) filter (where not n.excluded) as session_days,
    coalesce(sum(n.hits) filter (where not n.excluded), 0) as hits,
    (select count(*) from (
        select from stage_session_days d where not d.excluded and d.session_id is not null group by d.session_id
     ) session) as visits,
    coalesce(sum(n.hits) filter (where not n.excluded and n.session_id is null), 0) as sessionless_hits,
    coalesce(sum(n.conversions) filter (where not n.excluded), 0) as conversions,
    coalesce(sum(n.hits) filter (where not n.excluded and n.link_status = 'unknown'), 0) as unknown_link_hits,
    coalesce(sum(n.hits) filter (where not n.excluded and n.link_status = 'unresolved'), 0) as unresolved_link_hits,
    coalesce(sum(n.hits) filter (where not n.excluded and n.client_id is null), 0) as unknown_client_hits,
    coalesce(sum(n.hits) filter (where n.excluded), 0) as excluded_hits,
    coalesce(sum(n.conversions) filter (where n.excluded), 0) as excluded_conversions,
    coalesce(sum(n.hits + n.conversions), 0) as facts,
    coalesce(sum(n.hits + n.conversions) filter (where n.client_id is not null), 0) as owned_facts,
    coalesce(sum(n.fact_hash), 0) as fingerprint,
    coalesce(sum(n.attribution_hash), 0) as attribution_fingerprint,
    (select raw.facts from raw_visits raw) as raw_hits,
    (select raw.facts from raw_entries raw) as raw_conversions,
    greatest((select raw.newest from raw_visits raw), (select raw.newest from raw_entries raw)) as watermark
from stage_session_days n
