-- HOW: stores the indicators of the days; linkage (Q2) is kept, it has its own statement. Grain: day, scope, client.
insert into stats.quality_daily (
    bucket_date, scope, client_id, hits, visits, entries, sessionless_hits, sessionless_entries, captured_utm_hits,
    captured_utm_entries, utm_hits, utm_entries, resolved_link_hits, resolved_link_entries, unresolved_link_hits,
    unresolved_link_entries, unknown_link_hits, unknown_link_entries, unknown_client_hits, unknown_client_entries,
    unknown_entity_hits, unknown_entity_entries, supplied_cid_hits, supplied_cid_entries, malformed_cid_hits,
    malformed_cid_entries, foreign_entries, excluded_hits, excluded_entries, out_of_range_hits,
    out_of_range_entries, suspected_clones, measured_at
)
select m.*, now()
from (
{include quality/select_quality}
) m
on conflict (client_id, bucket_date, scope) do update set
    hits = excluded.hits,
    visits = excluded.visits,
    entries = excluded.entries,
    sessionless_hits = excluded.sessionless_hits,
    sessionless_entries = excluded.sessionless_entries,
    captured_utm_hits = excluded.captured_utm_hits,
    captured_utm_entries = excluded.captured_utm_entries,
    utm_hits = excluded.utm_hits,
    utm_entries = excluded.utm_entries,
    resolved_link_hits = excluded.resolved_link_hits,
    resolved_link_entries = excluded.resolved_link_entries,
    unresolved_link_hits = excluded.unresolved_link_hits,
    unresolved_link_entries = excluded.unresolved_link_entries,
    unknown_link_hits = excluded.unknown_link_hits,
    unknown_link_entries = excluded.unknown_link_entries,
    unknown_client_hits = excluded.unknown_client_hits,
    unknown_client_entries = excluded.unknown_client_entries,
    unknown_entity_hits = excluded.unknown_entity_hits,
    unknown_entity_entries = excluded.unknown_entity_entries,
    supplied_cid_hits = excluded.supplied_cid_hits,
    supplied_cid_entries = excluded.supplied_cid_entries,
    malformed_cid_hits = excluded.malformed_cid_hits,
    malformed_cid_entries = excluded.malformed_cid_entries,
    foreign_entries = excluded.foreign_entries,
    excluded_hits = excluded.excluded_hits,
    excluded_entries = excluded.excluded_entries,
    out_of_range_hits = excluded.out_of_range_hits,
    out_of_range_entries = excluded.out_of_range_entries,
    suspected_clones = excluded.suspected_clones,
    measured_at = excluded.measured_at
