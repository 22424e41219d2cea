-- Data-quality indicators (Q1-Q5) as they are stored and read.

-- name: upsert_indicators
-- HOW: stores the indicators of the days, and what facts they are of: day_counts holds the fingerprints of the same
-- snapshot. Linkage (Q2) is kept, it has its own statement. Grain: day, scope, client.
insert into stats.quality_daily (
    bucket_date, scope, client_id, hits, visits, entries, sessionless_hits, sessionless_entries, captured_utm_hits,
    captured_utm_entries, utm_hits, utm_entries, resolved_link_hits, resolved_link_entries, unresolved_link_hits,
    unresolved_link_entries, unknown_link_hits, unknown_link_entries, unknown_client_hits, unknown_client_entries,
    unknown_entity_hits, unknown_entity_entries, supplied_cid_hits, supplied_cid_entries, malformed_cid_hits,
    malformed_cid_entries, foreign_entries, excluded_hits, excluded_entries, out_of_range_hits,
    out_of_range_entries, suspected_clones, busiest_sessions, measured_at, derived_from
)
select m.*, now(),
       -- As stats.partition_state.day_fingerprint is generated.
       md5(coalesce(f.fact_hash, 0)::text || ' ' || coalesce(f.attribution_hash, 0)::text || ' ' || cast(:definition as text))
from (
{include numbers/quality}
) m
left join (
    select c.bucket_date, sum(c.fact_hash) as fact_hash, sum(c.attribution_hash) as attribution_hash
    from day_counts c
    group by c.bucket_date
) f on f.bucket_date = m.bucket_date
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
    busiest_sessions = excluded.busiest_sessions,
    measured_at = excluded.measured_at,
    derived_from = excluded.derived_from;

-- name: delete_missing_indicators
-- HOW: removes rows of clients that have no fact on the day any more. Run in the transaction that measured the days.
delete from stats.quality_daily where bucket_date = any (cast(:days as date[])) and measured_at < now();

-- name: select_linkage_inputs
-- WHAT: everything linkage (Q2) of each measured day depends on: what the days of its look-back and the day after it were
-- computed from, and how many of its entries a visit names. Days of which that is not what is stored are due.
-- Grain: business day. Inputs: stats.linkage_inputs, stats.entry_facts, stats.visit_facts, stats.quality_daily; :days,
-- :starts, :ends.
select d.day as bucket_date, i.input || '/' || n.entries as input
from unnest(cast(:days as date[]), cast(:starts as timestamptz[]), cast(:ends as timestamptz[]))
    as d (day, window_start, window_end)
join stats.quality_daily q on q.bucket_date = d.day and q.scope = 'platform'
join stats.linkage_inputs((cast(:days as date[]))[1], (cast(:days as date[]))[cardinality(cast(:days as date[]))]) i
    on i.bucket_date = d.day
cross join lateral (
    select count(*) as entries
    from stats.entry_facts e
    -- One look into the index an entry: as a semi-join it may become a pass over the visits of all time.
    cross join lateral (select from stats.visit_facts v where v.entry_id = e.id limit 1) named -- noqa: AM09
    where e.created_at >= d.window_start and e.created_at < d.window_end
) n
where q.linkage_input is distinct from i.input || '/' || n.entries
order by d.day;

-- name: update_linkage
-- WHAT and HOW: entries that a visit of the same session in the same client precedes within the look-back (or follows by
-- a moment), or that a visit names (Q2). Grain: business day, scope, client. Excluded facts (E3) count on neither side.
-- Inputs: numbers/visits, stats.entry_facts, stats.visit_facts, stats.exclusion; :days, :starts,
-- :window_end, :inputs (of the days, as select_linkage_inputs gives them), :look_back_start, :look_back_end, :days_before, :minutes_after.
-- Run where joins are hashed. Entries and visits of a session are put in order of time instead of being compared each with
-- each: of a session with thousands of both that would be millions.
with entry as materialized (
    select (cast(:days as date[]))[width_bucket(e.created_at, cast(:starts as timestamptz[]))] as bucket_date,
           e.id, e.client_id, e.session_id,
           e.created_at - make_interval(secs => cast(:days_before as integer) * 86400) as earliest,
           e.created_at + make_interval(mins => cast(:minutes_after as integer)) as latest
    from stats.entry_facts e
    where e.created_at >= (cast(:starts as timestamptz[]))[1] and e.created_at < :window_end
      and not exists (select from stats.exclusion x where x.campaign_id = e.campaign_id)
),
visit as materialized (
    select v.session_id, v.client_id, v.accessed_at
    from (
        {include numbers/visits}
    ) v
    where v.accessed_at >= :look_back_start and v.accessed_at < :look_back_end
      and v.client_id is not null
      and v.session_id in (select e.session_id from entry e)
      and not exists (select from stats.exclusion x where x.campaign_id = v.campaign_id)
),
judged as (
    select m.id, m.bucket_date, m.client_id,
           -- The newest visit up to the last moment, itself included.
           coalesce(max(m.visited_at) over (partition by m.session_id, m.client_id order by m.at) >= m.earliest, false)
               as by_session
    from (
        select e.id, e.bucket_date, e.client_id, e.session_id, e.latest as at, null::timestamptz as visited_at, e.earliest
        from entry e
        union all
        select null, null, v.client_id, v.session_id, v.accessed_at, v.accessed_at, null
        from visit v
    ) m
),
linked as materialized (
    select j.bucket_date, j.client_id, grouping(j.client_id) = 1 as everything, count(*) as entries
    from judged j
    left join lateral (
        select true as is_so from stats.visit_facts n where not j.by_session and n.entry_id = j.id limit 1 -- noqa: AM09
    ) named on true
    where j.id is not null and (j.by_session or named.is_so)
    group by grouping sets ((j.bucket_date), (j.bucket_date, j.client_id))
)
update stats.quality_daily q
set linked_entries = coalesce(l.entries, 0), linkage_input = i.input
from unnest(cast(:days as date[]), cast(:inputs as text[])) as i (day, input)
join stats.quality_daily measured on measured.bucket_date = i.day
left join linked l
    on l.bucket_date = measured.bucket_date and l.everything = (measured.scope = 'platform')
    and coalesce(l.client_id::text, '') = coalesce(measured.client_id::text, '')
where q.ctid = measured.ctid;

-- name: select_indicators
-- WHAT: indicators of a range with what is usual for the client: the median share of unknown links over the 28 days
-- before, where at least a week of them had enough volume (Q4). Grain: business day, scope, client.
-- Inputs: stats.quality_daily; :first_day, :last_day, :minimum_volume.
select q.*, usual.hits as median_unknown_link_hits, usual.entries as median_unknown_link_entries
from stats.quality_daily q
left join lateral (
    select
        case when count(*) filter (where p.hits >= :minimum_volume) >= 7 then
            percentile_cont(0.5) within group (order by p.unknown_link_hits::double precision / nullif(p.hits, 0))
                filter (where p.hits >= :minimum_volume) end as hits,
        case when count(*) filter (where p.entries >= :minimum_volume) >= 7 then
            percentile_cont(0.5) within group (order by p.unknown_link_entries::double precision / nullif(p.entries, 0))
                filter (where p.entries >= :minimum_volume) end as entries
    from stats.quality_daily p
    where p.scope = q.scope and p.client_id is not distinct from q.client_id
      and p.bucket_date between q.bucket_date - 28 and q.bucket_date - 1
) usual on true
where q.bucket_date between :first_day and :last_day
order by q.bucket_date, q.scope desc, q.client_id;

-- name: select_measured_range
-- WHAT: first and last day whose indicators are measured; NULL: none is. Grain: one row. Inputs: stats.quality_daily.
select min(bucket_date) as first_day, max(bucket_date) as last_day from stats.quality_daily where scope = 'platform';

-- name: select_campaign_rates
-- WHAT: campaigns and webinars that convert more often than they are visited on a day (M4): candidates of the check cvr.
-- Grain: business day, member of the grain campaign. Inputs: stats.bucket_daily; :first_day, :last_day, :minimum_volume.
select b.bucket_date, b.client_id, b.entity_type, b.entity_id, b.visits, b.conversions
from stats.bucket_daily b
where b.grain = 'campaign' and b.bucket_date between :first_day and :last_day
  and b.visits >= :minimum_volume and b.conversions > b.visits
order by b.bucket_date, b.client_id, b.entity_id;

-- name: select_overrides
-- WHAT: thresholds single clients have of their own. Grain: client, name.
select client_id, name, warn, error from stats.threshold_override;

-- name: upsert_override
-- HOW: gives a client bounds of its own for a threshold; NULL keeps everybody's. Grain: client, name.
insert into stats.threshold_override (client_id, name, warn, error, reason, author)
values (:client_id, :name, :warn, :error, :reason, :author)
on conflict (client_id, name) do update set
    warn = excluded.warn, error = excluded.error, reason = excluded.reason, author = excluded.author, created_at = now();

-- name: delete_override
-- HOW: takes a client's own bounds of a threshold away. Grain: client, name.
delete from stats.threshold_override where client_id = :client_id and name = :name;

-- name: select_override_rows
-- WHAT: thresholds single clients have of their own, why and by whom. Grain: client, name.
select t.client_id, k.name as client, t.name, t.warn, t.error, t.reason, t.author, t.created_at
from stats.threshold_override t
left join stats.clients k on k.id = t.client_id
order by k.name, t.client_id, t.name;

-- name: delete_quality_checks
-- HOW: forgets that days were judged, so that they are judged again. Inputs: :days; where it is NULL, all from :since on.
delete from stats.day_check
where checks = 'quality'
  and (bucket_date = any (cast(:days as date[])) or (cast(:days as date[]) is null and bucket_date >= :since));

-- name: accept_check
-- HOW: accepts that a check fails on a day, as its facts are now, and notes it in the ledger: of the client, or of the
-- platform. Grain: check, day, client. Inputs: stats.partition_state, stats.bucket_daily; :check_name, :day, :client_id
-- (NULL: whoever it fails for), :reason, :author.
with accepted as (
    insert into stats.accepted_check (check_name, bucket_date, client_id, fingerprint, reason, author)
    select :check_name, s.bucket_date, cast(:client_id as uuid), s.day_fingerprint, :reason, :author
    from stats.partition_state s
    where s.bucket_date = :day and s.computed_at is not null
    on conflict (check_name, bucket_date, client_id) do update set
        fingerprint = excluded.fingerprint, reason = excluded.reason, author = excluded.author,
        accepted_at = excluded.accepted_at
    returning bucket_date, client_id
)
insert into stats.day_ledger (
    bucket_date, grain, client_id, cause, reason, author, hits_before, hits_after, visits_before, visits_after,
    conversions_before, conversions_after
)
select a.bucket_date, case when a.client_id is null then 'platform' else 'client' end, a.client_id, 'accepted',
       :check_name || ': ' || :reason, :author, coalesce(b.hits, 0), coalesce(b.hits, 0), coalesce(b.visits, 0),
       coalesce(b.visits, 0), coalesce(b.conversions, 0), coalesce(b.conversions, 0)
from accepted a
left join stats.bucket_daily b
    on b.grain = case when a.client_id is null then 'platform' else 'client' end and b.bucket_date = a.bucket_date
    and b.client_id is not distinct from a.client_id;

-- name: select_accepted_checks
-- WHAT: what was accepted of days whose facts are the same as then. Grain: check, day, client.
-- Inputs: stats.partition_state; :first_day, :last_day.
select a.check_name, a.bucket_date, a.client_id, a.reason, a.author
from stats.accepted_check a
join stats.partition_state s on s.bucket_date = a.bucket_date and s.day_fingerprint = a.fingerprint
where a.bucket_date between :first_day and :last_day;

-- name: select_checkable_days
-- WHAT: which of some days can be judged, and when they were computed. Grain: business day.
-- Inputs: stats.partition_state, stats.quality_daily; :days, :checks (parity; quality: where the indicators are of the
-- very facts the buckets are of).
select s.bucket_date, s.computed_at
from stats.partition_state s
where s.bucket_date = any (cast(:days as date[])) and s.computed_at is not null and s.stale_since is null
  and (:checks = 'parity' or exists (
    select from stats.quality_daily q
    where q.bucket_date = s.bucket_date and q.scope = 'platform' and q.derived_from = s.day_fingerprint
  ))
order by s.bucket_date;

-- name: upsert_day_checks
-- HOW: notes of which computation days were judged, unless they were replaced meanwhile. Grain: business day, checks.
-- Inputs: :days and :computed_at, as select_checkable_days gave them before they were judged; :checks.
insert into stats.day_check (bucket_date, checks, derived_from, checked_at)
select s.bucket_date, :checks, s.day_fingerprint, clock_timestamp()
from unnest(cast(:days as date[]), cast(:computed_at as timestamptz[])) as d (day, computed_at)
join stats.partition_state s on s.bucket_date = d.day and s.computed_at = d.computed_at
order by s.bucket_date
on conflict (bucket_date, checks) do update set derived_from = excluded.derived_from, checked_at = excluded.checked_at;

-- name: select_many_members
-- WHAT: client-days with more than :least members of a grain, and what is usual: the median of the 28 days before, where
-- at least a week of them had any (B2). Grain: business day, client, grain; the grains as they are registered.
-- Inputs: stats.bucket_daily, stats.grain; :first_day, :last_day, :least.
select m.bucket_date, m.client_id, m.grain, m.members, case when usual.days >= 7 then usual.members end as median_members
from (
    select b.bucket_date, b.client_id, b.grain, count(*) as members
    from stats.bucket_daily b
    where b.bucket_date between :first_day and :last_day
    group by b.bucket_date, b.client_id, b.grain
    having count(*) > :least
) m
join stats.grain g on g.name = m.grain and g.by_client and g.key_columns <> '{client_id}'
cross join lateral (
    select count(*) as days, percentile_cont(0.5) within group (order by p.members) as members
    from (
        select count(*) as members
        from stats.bucket_daily b
        where b.grain = m.grain and b.client_id is not distinct from m.client_id
          and b.bucket_date between m.bucket_date - 28 and m.bucket_date - 1
        group by b.bucket_date
    ) p
) usual
order by m.bucket_date, m.client_id, g.position;

-- name: select_member_examples
-- WHAT: of a client-day's members of a grain, the field that has the most values, and a few of those that few hits have.
-- What a fold rule folds or nobody can fold (what has a row, NULL) is no value here. Grain: at most one row.
-- Inputs: stats.bucket_daily, dimensions; :bucket_date, :client_id (NULL: the unknown client), :grain.
with bucket as (
    select b.*
    from stats.bucket_daily b
    where b.grain = :grain and b.bucket_date = :bucket_date and b.client_id is not distinct from cast(:client_id as uuid)
),
member as (
    select 'utm_source' as field, b.utm_source as value, b.hits from bucket b
    union all
    select 'utm_medium', b.utm_medium, b.hits from bucket b
    union all
    select 'utm_campaign', b.utm_campaign, b.hits from bucket b
    union all
    select 'link_id', b.link_id::text, b.hits from bucket b where b.link_status = 'unresolved'
    union all
    select 'entity_id', b.entity_id::text, b.hits
    from bucket b
    left join stats.campaigns c on c.id = b.entity_id and b.entity_type = 'campaign'
    left join stats.webinars w on w.id = b.entity_id and b.entity_type = 'webinar'
    where c.id is null and w.id is null
),
counted as (
    select m.field, m.value, sum(m.hits) as hits
    from member m
    where m.value not in ('(folded)', '00000000-0000-0000-0000-000000000000')
    group by m.field, m.value
)
select c.field, count(*) as members, (array_agg(c.value order by c.hits, c.value collate "C"))[1:3] as examples
from counted c
group by c.field
order by members desc, c.field
limit 1;
