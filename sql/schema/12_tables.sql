-- What every table and its columns hold.
set local search_path = pg_catalog, pg_temp;
comment on table stats.build_settings is
    'The zone of the business day (T1) and the first daily partition everything here was built with. One row.';
comment on column stats.build_settings.hourly_clients is
    'Clients that get hour buckets (B1). This and the columns that follow define numbers: `eventflow definitions set` changes them.';
comment on column stats.build_settings.hourly_campaigns is 'Campaigns and webinars that get hour buckets (B1).';
comment on column stats.build_settings.linkage_days_before is 'How many days before an entry its visit may lie (Q2).';
comment on column stats.build_settings.linkage_minutes_after is 'How many minutes after an entry its visit may lie (Q2).';
comment on table stats.definition_change is
    'Every change of a definition in stats.build_settings: which, from what to what, by whom and why.';
comment on column stats.build_settings.longest_range_days is
    'The longest range that is answered, in days, since session-days were pruned (EVENTFLOW_RANGES_LONGEST_DAYS); NULL: never pruned, any range.';
comment on column stats.build_settings.session_days_from is
    'The oldest day session-days still hold; NULL: never pruned. Days before session_days_from + longest_range_days - 1 can no longer be replaced.';
comment on table stats.grain is
    'Published grains (M5). A grain is data: its row here and its partition of stats.bucket_daily.';
comment on table stats.exclusion is
    'Campaigns whose facts are counted as excluded instead of in buckets (E3), such as test clones.';
comment on table stats.fold_rule is
    'Fold rules (A6): facts of a client (NULL: the unknown one) whose field has one of a set of values, begins with a prefix, or has none of a set, count in one member: (folded), or the nil UUID of unresolved links and of entities without a row. NULL never folds. Rules are never deleted: removed_at says since when one no longer holds.';
comment on table stats.fold_value is
    'The sets of fold rules (A6) of the kinds values and all_except, normalized as facts are (N1); ids in lower case.';
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
comment on column stats.partition_state.folded_facts is 'Facts of which a fold rule folded a field (A6), excluded ones included.';
comment on column stats.partition_state.fingerprint is
    'Sum of the 64-bit hashes of the facts: every column the computation reads, id included.';
comment on column stats.partition_state.attribution_fingerprint is
    'Sum of the 64-bit hashes of what dimensions, exclusions and fold rules made of each fact.';
comment on column stats.partition_state.definition is
    'What the numbers meant when the day was computed: version, zone, grains, relevant settings.';
comment on column stats.partition_state.day_fingerprint is
    'The three before it in one text, by which whatever is derived from the day says what it was derived from; NULL: never computed.';
comment on column stats.partition_state.stale_since is
    'When change detection first found that the facts, dimensions or definition differ from what the day was computed from; NULL: they do not.';
comment on column stats.partition_state.stale_cause is 'Why: never_computed, facts_added, facts_deleted, facts_changed, facts_moved (to another client), facts_redated (to another day), facts_redated_here (from a day that is held), dimensions_vanished, dimensions_missing (counted while rows are missing that other days are held for), dimensions_changed, exclusions_changed, folds_changed or definition_changed.';
comment on column stats.partition_state.stale_clients is
    'The clients (NULL in it: the unknown one) whose part of the day is not what it was computed from; NULL: all.';
comment on column stats.partition_state.due is 'Somebody''s part of the stale day is not held and waits to be computed.';
comment on table stats.client_day is
    'What each client''s part of a business day was computed from: how many facts, excluded ones included, how many of them folded or, as last counted, excluded (excluded_*), the sums of the hashes of their ids (settled_fact_ids: of those recorded an hour before facts_at or earlier), of the facts, and of what dimensions, exclusions and fold rules made of them (NULL: under another definition than the day''s). client_id NULL: the unknown client. facts_at: start of the transaction that published it; a part that is held keeps its row. By it change detection tells whose numbers are stale, and the guard whether facts went between clients or days.';
comment on column stats.partition_state.held_since is
    'Since when the guard against mass loss keeps numbers as they were published; held_reason says why, held_clients whose (NULL in it: the unknown one; empty: everybody''s, because it cannot be told whose), losing_clients which of them would lose too much: the others are held because facts went between them and these, or may have; losing_reasons, in the same order, what each of these would lose. `eventflow accept held` applies the change.';
comment on column stats.partition_state.histogram_pending is
    'The day was replaced and its histograms are not merged yet: ranges containing it are answered from session-days.';
comment on column stats.partition_state.histogram_included is
    'The histograms contain the day, as it was when last merged.';
comment on table stats.campaign_hourly is
    'Hour buckets (B1): per business day, UTC hour and campaign or webinar of a listed client or campaign, hits (M1), visits = distinct sessions of the hour (M2), sessionless hits and conversions (M3). Hours without anything have no row; visits do not add up over hours.';
comment on table stats.return_histogram is
    'Return histograms (M6): per grain, member, business day and the latest earlier day on which the same session was seen in the same member, the number of such sessions. First-time sessions have no row.';
comment on table stats.return_month is
    'Return histograms by month (M6): stats.return_histogram added up over the days of a month and of an earlier one, or the same; what ranges over years are answered from.';
comment on table stats.session_day_change is
    'Session-day rows that appeared (+1) on or vanished (-1) from a day since the histograms last included it. Emptied by the step that merges pending days. Days not yet included at all are not listed.';
comment on table stats.detection_pass is
    'Passes of change detection: facts and dimensions committed before started_at were compared with what the days in scope (lookback, sweep, all, named) were computed from. compared_from: the first of the days up to the current one that all were compared by a comparison that would have seen any change (NULL: not even the current one); recent_from: the first of the look-back days. out_of_range_*: facts before the first partition or after the current day (T4), counted by passes over all days.';
comment on table stats.day_comparison is
    'When change detection last compared each business day with its facts and found them to agree: compared_at, the time of the snapshot, and the computation it compared (computed_at as it was; NULL: never computed, and without facts). What as_of is read from.';
comment on table stats.chunked_day is
    'The days whose facts are known by chunk of five minutes: when all chunks were last those of the facts (compared_at, the time of the snapshot), counted from which dimensions, rules and definition (inputs). A day that has none is read whole by the next pass over the look-back days.';
comment on table stats.chunk is
    'Per business day and chunk of five minutes of event time that has facts, the sum of the hashes of their row versions, and what their two fingerprints sum up to. A chunk whose row versions are others now is read again. Row versions say nothing but whether a row is the same.';
comment on table stats.chunk_member is
    'What the facts of a chunk amount to, by client, entity and whether they are excluded: counts and the sums of both fingerprints. A day''s rows add up to what is counted from all its facts.';
comment on table stats.kept_day is
    'Days that pruned session-days no longer allow to be computed and that somebody decided to keep as they are, though their facts differ: which facts (fingerprint, spelled as day_fingerprint), for which clients they differ (NULL in it: the unknown one; NULL: all), why and by whom. With other facts the day is stale again; with those it was computed from the row goes. No range with such a day is complete for these clients.';
comment on table stats.erased_day is
    'Days on which an erased person had facts, and how many at most, until these days are computed again: by it an erasure that was interrupted is finished. It names nobody.';
comment on table stats.day_ledger is
    'Why a number changed: every replacement of a day appends one row for the platform (grain platform) and one for each client whose totals it changed (grain client; client_id NULL is the unknown client). cause is what differed in facts, dimensions or definition (unchanged: nothing did; kept: the day can no longer be computed and was accepted as it is, before = after), reason and author who asked for it and why. Written in the transaction of the day. published: whole, the day was computed whole; delta, facts that were added were added to what was published, all that did so within a minute in one row; NULL: nothing was published.';
comment on table stats.delta_day is
    'Days whose published numbers may be brought up to date by the facts that were added since: when the day was last computed whole, which of its facts were recorded shortly before it was published (counted), how many deltas were published since it was computed whole. differing: rows that deltas had published otherwise than the facts say, found when it was computed whole; then it takes no more deltas. told_at: when the check raw_parity told.';
comment on table stats.closing is
    'The chain of closed months (docs/closing.md), rows added and never changed: closed (a client''s month was frozen as published, its figures in stats.closing_figure, what its days were computed from in stats.closing_day), adjusted (what its figures are now less closed and adjusted before, signed), reopened (closing it again is the next version). version counts the closings of a client''s month. exceptions: what would have kept it from being closed, without reason; quality: checks of quality it failed. hash: SHA-256 of stats.closing_text, which begins with the hash before; entry_no has no gaps.';
comment on table stats.closing_figure is
    'Figures of entries of stats.closing over the month''s own range (M1-M3, M6): of closed as published, of adjusted signed differences; closed plus all adjusted of a version is what is published since. Columns that are no key of the grain are NULL; no row is nothing.';
comment on table stats.closing_day is
    'Days of entries of stats.closing: of closed every day of the month, of adjusted those of whose facts of the client differ. day_fingerprint as in stats.partition_state; client_fingerprint: of the client''s part and the definition (NULL: no facts of it); causes: why the day was computed again, by the ledger.';
comment on table stats.mailing is
    'Statements of closings (closing_hash: stats.closing.hash) that were mailed, so that none is mailed twice. recipient: SHA-256 of the address in lower case. state: sending (being handed over; where that was interrupted nobody knows whether it was taken), sent, refused (not taken, why: reason; tried again).';
comment on table stats.closing_comparison is
    'As which computations of its days (days_state) a closed month was last compared with what was closed.';
comment on table stats.exclusion_change is 'Every rule of exclusion (E3) ever added or removed, by whom and why.';
comment on table stats.quality_daily is
    'Data-quality indicators (Q1-Q5, Q7) as counts, per business day and client (scope client; client_id NULL is the unknown client) and for everything (scope platform). Rates are derived when read, so that they add up over days. captured_utm_*: at least one of the three as captured; utm_*: after attribution (A3). foreign_entries: client differs from the campaign''s. Excluded facts (E3) are in excluded_* alone. out_of_range_* (T4) on platform rows, as of measured_at. linked_entries (Q2) depends on visits of other days; where linkage_input is no longer what these were computed from it is stale, and measured again.';
comment on table stats.day_check is
    'Of which day_fingerprint the checks of a day were last evaluated (checks: parity or quality); with another one they are of a day that is gone, and are evaluated again.';
comment on table stats.threshold_override is
    'Thresholds of one client that differ from EVENTFLOW_QUALITY_THRESHOLDS: name as there, NULL keeps the default.';
comment on table stats.accepted_check is
    'Days on which somebody accepted that a check of quality fails, for a client (NULL: for whoever it fails for), why and by whom: it passes with that note as long as the day is computed from these facts (fingerprint, as day_fingerprint).';
comment on table stats.incident is
    'What somebody had to be told of: a condition, whom it is about (subject; client_id where it is one client) and the days that were new (own_days). gone_at: when it was first not seen any more; notified_severity: the worst that people know of, NULL while nobody knows; suppressed: sightings without a message; due and delivered: the message being sent and which receivers (digests of their addresses) have it; acknowledged_at, muted_until, closed_at, answered_by and reason: what somebody made of it; final: it cannot become right and is told once; ended_at: when nothing was left to tell. No personal data.';
comment on table stats.maintenance_window is
    'Time in which a condition (NULL: any) of a client (NULL: any) begins no incident that people are told of, why and by whom; ended_at, ended_by, ended_reason: when, by whom and why it was ended early.';
comment on table stats.failed_check is
    'Asset checks whose newest evaluation failed, one row per asset, check, partition (empty: unpartitioned) and client, read from Dagster''s events; a later passing evaluation removes the rows. client: its id, unknown, or empty where the finding is about no single one. detail: what is wrong first, without personal data.';
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
comment on column stats.webinar_day_state.derived_from is
    'day_fingerprint of the session-days that visits and conversions were counted from; NULL: they were not computed.';
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
    'Events whose row the fact table refused, whole, until they are replayed. payload may hold personal data: only the owner and eventflow_capture_owner read it; it is removed on replay and after the retention time.';
comment on column stats.dead_letter.client_id is
    'In whose share it is kept (stats.capture_setting); NULL: in that of the unknown client.';
comment on column stats.dead_letter.next_try_at is 'When it is due to be tried again, on the grid of stats.letter_next_try.';
comment on column stats.dead_letter.discarded_at is 'When somebody gave it up; who and why stand beside.';
comment on table stats.capture_setting is
    'What capture must know and SQL cannot read from the environment: how many dead letters, and how many bytes of them, wait of one client at most (EVENTFLOW_CAPTURE_LETTER_ROWS, _LETTER_MIB), written by every `eventflow migrate`. One row.';
comment on column stats.dead_letter.reason is 'SQLSTATE and constraint or column; never a value (S7).';
comment on table stats.replaced_function is
    'Functions of EventFlow that this project''s took the place of, as they were found: for the way back.';
comment on table stats.schema_object is
    'What the files of sql/schema made when they were last applied (file: which one), as pg_identify_object names it: so that what a later version no longer has is dropped, and nothing else.';

-- Columns of what is published, each text once: tables, columns, what they hold. A partition has its parent's. The catalog
-- in Dagster reads this list (defs/catalog.py).
do $$
declare
    described record;
begin
    for described in
        select t.name as table_name, c.name as column_name, v.content
        from (values
            ('session_days bucket_daily campaign_hourly return_histogram quality_daily webinar_stats_5min webinar_stats_daily webinar_client_daily', 'bucket_date', 'Business day (T1).'),
            ('bucket_daily return_histogram return_month', 'grain', 'Grain, a name of stats.grain (M5).'),
            ('campaign_hourly', 'bucket_hour', 'UTC hour (T2); a zone at :30 has two rows for an hour that midnight splits.'),
            ('session_days bucket_daily campaign_hourly return_histogram return_month', 'client_id', 'Client of the fact''s entity, or of the entry; NULL: unknown client (E2).'),
            ('session_days bucket_daily campaign_hourly return_histogram return_month', 'entity_type', '`campaign`, `webinar` or `unknown` (E1).'),
            ('session_days bucket_daily campaign_hourly return_histogram return_month', 'entity_id', 'Campaign or webinar, also where no such row exists (E1).'),
            ('session_days bucket_daily return_histogram return_month', 'link_id', 'Marketing link, by id or by cid within the client (A1).'),
            ('session_days bucket_daily return_histogram return_month', 'link_status', '`resolved`, `unresolved` or `unknown` (A2).'),
            ('session_days bucket_daily return_histogram return_month', 'utm_source', 'UTM source, normalized, or the link''s (A3, N1); NULL: unknown.'),
            ('session_days bucket_daily return_histogram return_month', 'utm_medium', 'UTM medium (A3, N1); NULL: unknown.'),
            ('session_days bucket_daily return_histogram return_month', 'utm_campaign', 'UTM campaign (A3, N1); NULL: unknown.'),
            ('session_days', 'session_id', 'Visit session (S1), normalized (N1); NULL: sessionless hits and entries.'),
            ('session_days bucket_daily campaign_hourly quality_daily', 'hits', 'Visit rows (M1).'),
            ('bucket_daily campaign_hourly', 'visits', 'Distinct sessions, exact at this grain (M2): never add it up.'),
            ('bucket_daily campaign_hourly', 'sessionless_hits', 'Visit rows without a session (M2).'),
            ('session_days bucket_daily campaign_hourly', 'conversions', 'Distinct entries (M3).'),
            ('return_histogram', 'previous_date', 'Latest earlier business day on which the session was seen in the same member (M6).'),
            ('return_histogram', 'sessions', 'Sessions of the day with that previous day (M6).'),
            ('return_month', 'month', 'First day of the month of their days (M6).'),
            ('return_month', 'previous_month', 'First day of the month of their previous days (M6).'),
            ('return_month', 'sessions', 'Returns on days of the month, their previous day in that earlier or same month (M6).'),
            ('closing closing_figure closing_day', 'entry_no', 'Number of the entry in the chain, without gaps.'),
            ('closing closing_figure closing_day', 'client_id', 'The client whose month it is.'),
            ('closing', 'kind', '`closed`, `adjusted` or `reopened`.'),
            ('closing', 'month', 'First business day of the month.'),
            ('closing', 'last_day', 'Last business day of the month.'),
            ('closing', 'version', 'Which closing of the client''s month it belongs to, from 1.'),
            ('closing', 'time_zone', 'Zone of the business day then (T1).'),
            ('closing', 'definition_version', 'Which version of the rules it was computed by, as in stats.partition_state.'),
            ('closing', 'as_of', 'As of when the figures were known to be what the facts say; NULL: reopened.'),
            ('closing', 'complete', 'Whether no day was missing, stale, held or kept by decision; NULL: reopened.'),
            ('closing', 'exceptions', 'What would have kept the month open, a line each; closed nevertheless, for the reason.'),
            ('closing', 'quality', 'Checks of quality the client failed, with their days.'),
            ('closing', 'reason', 'Why it was closed in spite of exceptions, or reopened.'),
            ('closing', 'author', 'Who closed or reopened it; `eventflow` of adjustments.'),
            ('closing', 'recorded_at', 'When the entry was written.'),
            ('closing', 'previous_hash', 'Hash of the entry before; 64 zeros of the first.'),
            ('closing', 'hash', 'SHA-256 of stats.closing_text, in hex (docs/closing.md).'),
            ('closing_figure', 'grain', '`client`, `campaign` or `link`; columns that are no key of it are NULL.'),
            ('closing_figure', 'entity_type', 'What the figure belongs to (E1).'),
            ('closing_figure', 'entity_id', 'Campaign or webinar (E1).'),
            ('closing_figure', 'link_id', 'The link (A1).'),
            ('closing_figure', 'link_status', 'What became of the link (A2).'),
            ('closing_figure', 'hits', 'Visit rows of the month (M1); of an adjustment the difference.'),
            ('closing_figure', 'visits', 'Distinct sessions of the month (M2, M6); of an adjustment the difference.'),
            ('closing_figure', 'sessionless_hits', 'Hits without a session (M2); of an adjustment the difference.'),
            ('closing_figure', 'conversions', 'Distinct entries (M3); of an adjustment the difference.'),
            ('closing_day', 'bucket_date', 'Business day.'),
            ('closing_day', 'day_fingerprint', 'Fingerprint of the whole day''s facts; NULL: never computed.'),
            ('closing_day', 'client_fingerprint', 'Of the client''s part of them and the definition; NULL: it had none.'),
            ('closing_day', 'causes', 'Of an adjustment: why the day was computed again, by the ledger.'),
            ('quality_daily', 'scope', '`platform` (everything) or `client`.'),
            ('quality_daily', 'client_id', 'The client; NULL with scope client: the unknown client (E2).'),
            ('quality_daily', 'visits', 'Distinct sessions (M2).'),
            ('quality_daily', 'entries', 'Entries (M3).'),
            ('quality_daily', 'linked_entries', 'Entries linked to a visit (Q2); NULL: not measured yet.'),
            ('quality_daily', 'linkage_input', 'What linked_entries was measured from (Q2): stats.linkage_inputs, a slash, how many entries visits name; NULL: marks on hits have changed since.'),
            ('quality_daily', 'remarked_at', 'When marks on hits were last found to have changed since linkage was measured (Q2); NULL: never.'),
            ('quality_daily', 'sessionless_hits sessionless_entries', 'Those without a session (Q5).'),
            ('quality_daily', 'captured_utm_hits captured_utm_entries', 'Those with at least one of the three UTM as captured (Q3).'),
            ('quality_daily', 'utm_hits utm_entries', 'Those with at least one of the three UTM after attribution (Q3, A3).'),
            ('quality_daily', 'resolved_link_hits resolved_link_entries', 'Those whose link has a row (Q4, A2).'),
            ('quality_daily', 'unresolved_link_hits unresolved_link_entries', 'Those that name a link without a row (Q4, A2).'),
            ('quality_daily', 'unknown_link_hits unknown_link_entries', 'Those that name no link (Q4, A2).'),
            ('quality_daily', 'unknown_client_hits unknown_client_entries', 'Those of no known client (Q4, E2).'),
            ('quality_daily', 'unknown_entity_hits unknown_entity_entries', 'Those that name neither campaign nor webinar (Q4, E1).'),
            ('quality_daily', 'supplied_cid_hits supplied_cid_entries', 'Those that come with a cid (Q7).'),
            ('quality_daily', 'malformed_cid_hits malformed_cid_entries', 'Those whose cid is not eight letters or digits (Q7).'),
            ('quality_daily', 'foreign_entries', 'Entries whose client differs from their campaign''s (Q7).'),
            ('quality_daily', 'excluded_hits excluded_entries', 'Those a rule excludes, which no other column counts (E3, Q5).'),
            ('quality_daily', 'out_of_range_hits out_of_range_entries', 'Those before the first partition or after today, as of measured_at; NULL but on rows of the platform (T4, Q5).'),
            ('quality_daily', 'suspected_clones', 'Pairs of campaigns that share entries to the microsecond (Q7).'),
            ('quality_daily', 'busiest_sessions', 'Of sessions with more than 20 hits or 3 campaigns and webinars the busiest of each measure, named by a digest within the client (M2); none on rows of the platform.'),
            ('quality_daily', 'measured_at', 'When the indicators were measured.'),
            ('quality_daily', 'derived_from', 'Fingerprint of the facts measured; where it is not the day_fingerprint of stats.partition_state the row is stale.'),
            ('webinar_stats_5min webinar_stats_daily', 'client_id', 'Client of the webinar; NULL: no such row (C2).'),
            ('webinar_stats_5min webinar_stats_daily', 'webinar_id', 'Webinar.'),
            ('webinar_stats_5min', 'bucket_start', 'UTC floor of five minutes.'),
            ('webinar_stats_5min', 'source', '`sampled` (ours) or `legacy` (webinar_access_logs as it is), never put together (W2).'),
            ('webinar_stats_5min', 'sample_count', 'Minutes sampled; below 5 is a visible gap. Legacy: calls counted, retries too.'),
            ('webinar_stats_5min', 'sum_viewers', 'Sum over samples.'),
            ('webinar_stats_5min', 'min_viewers', 'Fewest active viewers.'),
            ('webinar_stats_5min', 'max_viewers', 'Most active viewers.'),
            ('webinar_stats_5min', 'avg_viewers', 'sum_viewers / sample_count.'),
            ('webinar_stats_5min', 'last_viewers', 'The last sample.'),
            ('webinar_stats_5min', 'max_at', 'First minute with max_viewers; legacy: the bucket''s start.'),
            ('webinar_stats_5min', 'gaps', 'Minutes that should have been sampled and were not (W1); NULL for legacy.'),
            ('webinar_stats_daily', 'source', 'Of which buckets peak and average come; NULL: none.'),
            ('webinar_stats_daily', 'peak_viewers', 'Most viewers at once.'),
            ('webinar_stats_daily', 'peak_at', 'First minute of the peak.'),
            ('webinar_stats_daily', 'avg_viewers_live', 'Average from the webinar''s start (or its first viewer) to its last viewer.'),
            ('webinar_stats_daily', 'minutes_observed', 'Minutes sampled.'),
            ('webinar_stats_daily', 'minutes_missed', 'Minutes that should have been and were not.'),
            ('webinar_stats_daily', 'unique_viewers', 'Viewers active at some time of the day, by presence; NULL: not known.'),
            ('webinar_stats_daily', 'hits', 'Visit rows of the webinar and its registration campaign (W3, M1).'),
            ('webinar_stats_daily', 'visits', 'Distinct sessions over both (W3, M2): never add it up.'),
            ('webinar_stats_daily', 'conversions', 'Entries of the registration campaign (W3, M3).'),
            ('webinar_stats_daily', 'campaign_shared', 'Another webinar names the same campaign: rows do not add up (W3).'),
            ('webinar_client_daily', 'client_id', 'Client of the webinars; NULL: none known (C2).'),
            ('webinar_client_daily', 'webinars', 'Webinars with something on the day.'),
            ('webinar_client_daily', 'shared_campaigns', 'Campaigns that several of them name, each counted once (W3).'),
            ('webinar_client_daily', 'peak_viewers', 'The highest peak of a single webinar.'),
            ('webinar_client_daily', 'hits', 'Visit rows of the webinars and their registration campaigns (W3, M1).'),
            ('webinar_client_daily', 'visits', 'Distinct sessions over all of them (W3, M2): never add it up.'),
            ('webinar_client_daily', 'conversions', 'Entries of the registration campaigns (W3, M3).')
        ) as v (tables, columns, content)
        cross join string_to_table(v.tables, ' ') as t (name)
        cross join string_to_table(v.columns, ' ') as c (name)
    loop
        execute format('comment on column stats.%I.%I is %L', described.table_name, described.column_name, described.content);
    end loop;
    for described in
        select i.inhrelid::regclass as part, a.attname as column_name, col_description(a.attrelid, a.attnum) as content
        from pg_inherits i
        join pg_attribute a on a.attrelid = i.inhparent and a.attnum > 0 and not a.attisdropped
        where i.inhparent in ('stats.bucket_daily'::regclass, 'stats.return_histogram'::regclass)
    loop
        execute format('comment on column %s.%I is %L', described.part, described.column_name, described.content);
    end loop;
end
$$;
