-- What every table and its columns hold.
set local search_path = pg_catalog, pg_temp;
comment on table stats.build_settings is
    'The zone of the business day (T1) and the first daily partition everything here was built with. One row.';
comment on column stats.build_settings.longest_range_days is
    'The longest range that is answered, in days, since session-days were pruned (EVENTFLOW_RANGES_LONGEST_DAYS); NULL: never pruned, any range.';
comment on column stats.build_settings.session_days_from is
    'The oldest day session-days still hold; NULL: never pruned. Days before session_days_from + longest_range_days - 1 can no longer be replaced.';
comment on table stats.grain is
    'Published grains (M5). A grain is data: its row here and its partition of stats.bucket_daily.';
comment on table stats.exclusion is
    'Campaigns whose facts are counted as excluded instead of in buckets (E3), such as test clones.';
comment on table stats.session_days is
    'Session-days (M6): one row per business day, attribution and session, the de-duplicated and attributed form of the facts. Sessionless hits and entries share the row whose session_id is NULL. Every daily bucket is counted from here.';
comment on type stats.entity_type is 'What a fact belongs to (E1): a campaign, a webinar, or neither (unknown).';
comment on type stats.link_status is 'What became of a fact''s link (A2).';
comment on table stats.bucket_daily is
    'Daily buckets, one row per grain, business day and member (B3). Columns that are no key of the grain are NULL; in a key, NULL is the unknown member. visits = COUNT(DISTINCT session_id), exact at its own grain (M2): never add it up.';
comment on table stats.partition_state is
    'What is known of each business day that was computed or has facts: totals of its buckets, what was excluded (E3), the newest created_at among its facts (watermark), which run computed it and when, and the fingerprint of what it was computed from. Written in the transaction that replaces the day; stale_* and held_* by change detection. computed_at NULL: the day has facts and was never computed.';
comment on column stats.partition_state.facts_at is 'Start of the transaction that computed the day: facts committed before it are in.';
comment on column stats.partition_state.facts is 'Visit hits and entries the day was computed from, excluded ones included.';
comment on column stats.partition_state.owned_facts is 'Facts whose client was known.';
comment on column stats.partition_state.fingerprint is
    'Sum of the 64-bit hashes of the facts: every column the computation reads, id included.';
comment on column stats.partition_state.attribution_fingerprint is
    'Sum of the 64-bit hashes of what dimensions and exclusions made of each fact.';
comment on column stats.partition_state.definition is
    'What the numbers meant when the day was computed: version, zone, grains, relevant settings.';
comment on column stats.partition_state.stale_since is
    'When change detection first found that the facts, dimensions or definition differ from what the day was computed from; NULL: they do not.';
comment on column stats.partition_state.stale_cause is 'Why: never_computed, facts_added, facts_deleted, facts_changed, dimensions_vanished, dimensions_changed, exclusions_changed or definition_changed.';
comment on column stats.partition_state.held_since is
    'Since when the guard against mass loss keeps the old buckets; held_reason says why. `eventflow heal --accept` applies the change.';
comment on column stats.partition_state.histogram_pending is
    'The day was replaced and its histograms are not merged yet: ranges containing it are answered from session-days.';
comment on column stats.partition_state.histogram_included is
    'The histograms contain the day, as it was when last merged.';
comment on table stats.campaign_hourly is
    'Hour buckets (B1): per business day, UTC hour and campaign or webinar of a listed client or campaign, hits (M1), visits = distinct sessions of the hour (M2), sessionless hits and conversions (M3). Hours without anything have no row; visits do not add up over hours.';
comment on table stats.return_histogram is
    'Return histograms (M6): per grain, member, business day and the latest earlier day on which the same session was seen in the same member, the number of such sessions. First-time sessions have no row.';
comment on table stats.session_day_change is
    'Session-day rows that appeared (+1) on or vanished (-1) from a day since the histograms last included it. Emptied by the step that merges pending days. Days not yet included at all are not listed.';
comment on table stats.detection_pass is
    'Passes of change detection: facts and dimensions committed before started_at were compared with what the days in scope (lookback, sweep, all, named) were computed from. out_of_range_*: facts before the first partition or after the current day (T4), counted by passes over all days.';
comment on table stats.day_ledger is
    'Why a number changed: every replacement of a day appends one row for the platform (grain platform) and one for each client whose totals it changed (grain client; client_id NULL is the unknown client). cause is what differed in facts, dimensions or definition (unchanged: nothing did), reason and author who asked for it and why. Written in the transaction of the day.';
comment on table stats.exclusion_change is 'Every rule of exclusion (E3) ever added or removed, by whom and why.';
comment on table stats.quality_daily is
    'Data-quality indicators (Q1-Q5, Q7) as counts, per business day and client (scope client; client_id NULL is the unknown client) and for everything (scope platform). Rates are derived when read, so that they add up over days. captured_utm_*: at least one of the three as captured; utm_*: after attribution (A3). foreign_entries: client differs from the campaign''s. Excluded facts (E3) are in excluded_* alone. out_of_range_* (T4) on platform rows, as of measured_at. linked_entries (Q2) depends on visits of other days and is redone when linkage_input differs.';
comment on table stats.threshold_override is
    'Thresholds of one client that differ from EVENTFLOW_QUALITY_THRESHOLDS: name as there, NULL keeps the default.';
comment on table stats.alert is
    'Conditions somebody was notified of: one row per episode of (name, subject). gone_at: when it was first not seen any more; notified_severity: the worst that people know of, NULL while nobody knows; suppressed: sightings without a message; due and delivered: the message being sent and which receivers (digests of their addresses) have it; ended_at: when people were notified of its end. No personal data.';
comment on table stats.failed_check is
    'Asset checks whose newest evaluation failed, one row per asset, check and partition (empty: unpartitioned), read from Dagster''s events; a later passing evaluation removes the row. detail: what is wrong first, without personal data.';
comment on table stats.webinar_setting is
    'What the ping must know and SQL cannot read from the environment: EVENTFLOW_WEBINAR_PRESENCE_MIN_SECONDS, written by every `eventflow migrate`. One row.';
comment on table stats.webinar_stray_ping is
    'Presence on webinars that have no row (C2): stored and sampled, but one row a user, the last webinar pinged, so that made-up ids cannot fill the database. The pipeline does not read the user.';
comment on table stats.webinar_sample is
    'One sample per webinar and minute (W1): viewers active at sampled_at, the first instant of that minute at which a sampler polled. A minute nobody polled has no row. Never recomputed: presence is overwritten, so these rows are facts.';
comment on table stats.webinar_stats_5min is
    'Concurrency of a webinar in five minutes (W2), UTC floor. sampled: from stats.webinar_sample; gaps = minutes that should have been sampled and were not (all of them when sample_count is 0). legacy: rows of webinar_access_logs as they are; gaps unknown. The two are never put together.';
comment on table stats.webinar_stats_daily is
    'A webinar''s business day: peak, when, and average while live (W2; source says of which buckets), minutes observed and missed, unique viewers by presence (NULL: not known), and the visits and conversions of the webinar and its registration campaign (W3; NULL: the day''s session-days are not computed). campaign_shared: another webinar names the same campaign, so these rows do not add up; stats.webinar_client_daily does not count twice.';
comment on table stats.webinar_client_daily is
    'All webinars of a client on a business day: distinct sessions and entries of the webinars and their registration campaigns, each campaign once however many webinars name it (W3); peak_viewers is the highest of a single webinar.';
comment on table stats.webinar_day_state is
    'What is known of each computed day of webinar statistics: a hash of what it was computed from (samples, legacy rows, webinars, the day''s session-days), which run and when. Written in the transaction that replaces the day.';
comment on table stats.fact_surface is
    'Beside a captured fact (fact_id = its id = the event id): the page or route that sent it and the first touch (S2). Every entry has a row, a visit when there is something to keep. No personal data.';
comment on column stats.fact_surface.surface is 'Path of the page or name of the route, without query.';
comment on column stats.fact_surface.first_touch is 'First arrival: at (seconds since 1970, UTC), utm_*, cid, link_id, referrer.';
comment on column stats.fact_surface.session_id is 'Of an entry: its session, also where event_survey_entries has no such column (S5).';
comment on column stats.fact_surface.missing_link_id is 'Link id the fact was stored without, because the table refused it for long enough.';
comment on column stats.fact_surface.linked_at is 'Of an entry: when its visits were found (stats.link_entries); NULL while it waits.';
comment on column stats.fact_surface.looked_at is
    'Of an entry that waits: when its visits were last looked for, so that those that never come hold up nobody.';
comment on table stats.dead_letter is
    'Events whose row the fact table refused, whole, until they are replayed. payload may hold personal data: only the owner and eventflow_capture read it; it is removed on replay and after the retention time.';
comment on column stats.dead_letter.reason is 'SQLSTATE and constraint or column; never a value (S7).';
comment on table stats.replaced_function is
    'Functions of EventFlow that this project''s took the place of, as they were found: for the way back.';
comment on table stats.schema_object is
    'What the files of sql/schema made when they were last applied (file: which one), as pg_identify_object names it: so that what a later version no longer has is dropped, and nothing else.';
