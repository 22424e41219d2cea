-- WHAT: the days whose facts, dimensions or definition differ from what was stored with them, and the days that are
-- marked stale already (they may have come back to what they were).
-- Grain: one business day. Inputs: day_counts, stats.partition_state, :dates, :definition. was_*: NULL when never
-- computed; counts of facts include excluded ones.
select
    d.bucket_date, s.computed_at, s.stale_since, s.stale_cause, s.held_since, s.held_reason,
    n.facts, n.owned_facts, n.excluded_facts, n.fingerprint, n.attribution_fingerprint,
    s.facts as was_facts, s.owned_facts as was_owned_facts, 
    s.excluded_hits + s.excluded_conversions as was_excluded_facts, s.fingerprint as was_fingerprint,
    s.attribution_fingerprint as was_attribution_fingerprint, s.definition as was_definition
from unnest(cast(:dates as date[])) as d (bucket_date)
cross join lateral (
    select
        coalesce(sum(c.hits + c.conversions), 0) as facts,
        coalesce(sum(c.hits + c.conversions) filter (where c.client_id is not null), 0) as owned_facts,
        coalesce(sum(c.hits + c.conversions) filter (where c.excluded), 0) as excluded_facts,
        coalesce(sum(c.fact_hash), 0) as fingerprint,
        coalesce(sum(c.attribution_hash), 0) as attribution_fingerprint
    from day_counts c
    where c.bucket_date = d.bucket_date
) n
left join stats.partition_state s on s.bucket_date = d.bucket_date
where s.stale_since is not null
   or case when s.computed_at is null then n.facts > 0
           else (n.fingerprint, n.attribution_fingerprint, cast(:definition as text))
                is distinct from (s.fingerprint, s.attribution_fingerprint, s.definition)
      end
order by d.bucket_date
