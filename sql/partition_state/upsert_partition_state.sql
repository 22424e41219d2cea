-- HOW: records what is known of the day, in the transaction that replaced it.
-- Grain: one row per business day. Inputs: the day's totals as parameters.
insert into stats.partition_state as p (
    bucket_date, window_start, window_end, definition_version, grains, session_days,
    hits, visits, sessionless_hits, conversions, unknown_link_hits, unresolved_link_hits, unknown_client_hits,
    excluded_hits, excluded_conversions, watermark, run_id, computed_at, histogram_pending,
    facts, owned_facts, fingerprint, attribution_fingerprint, definition, facts_at
)
values (
    :bucket_date, :window_start, :window_end, :definition_version,
    (select array_agg(name order by position) from stats.grain), :session_days,
    :hits, :visits, :sessionless_hits, :conversions, :unknown_link_hits, :unresolved_link_hits, :unknown_client_hits,
    :excluded_hits, :excluded_conversions, :watermark, :run_id, clock_timestamp(), true,
    :facts, :owned_facts, :fingerprint, :attribution_fingerprint, :definition, transaction_timestamp()
)
on conflict (bucket_date) do update set
    window_start = excluded.window_start,
    window_end = excluded.window_end,
    definition_version = excluded.definition_version,
    grains = excluded.grains,
    session_days = excluded.session_days,
    hits = excluded.hits,
    visits = excluded.visits,
    sessionless_hits = excluded.sessionless_hits,
    conversions = excluded.conversions,
    unknown_link_hits = excluded.unknown_link_hits,
    unresolved_link_hits = excluded.unresolved_link_hits,
    unknown_client_hits = excluded.unknown_client_hits,
    excluded_hits = excluded.excluded_hits,
    excluded_conversions = excluded.excluded_conversions,
    watermark = excluded.watermark,
    run_id = excluded.run_id,
    computed_at = excluded.computed_at,
    facts = excluded.facts,
    owned_facts = excluded.owned_facts,
    fingerprint = excluded.fingerprint,
    attribution_fingerprint = excluded.attribution_fingerprint,
    definition = excluded.definition,
    facts_at = excluded.facts_at,
    stale_since = null,
    stale_cause = null,
    held_since = null,
    held_reason = null,
    -- A day whose sessions did not change needs no histogram step.
    histogram_pending = not p.histogram_included or exists (
        select from stats.session_day_change c where c.bucket_date = excluded.bucket_date
    )
