-- Days that must be computed again: comparing, judging losses, marking, queueing; rules of exclusion (E3).

-- name: create_day_counts
-- HOW: a connection's own scratch table: what the facts of some days amount to now, by member of the grain campaign,
-- folded entities by what they were before (A6).
create temporary table if not exists day_counts (
    bucket_date date not null,
    client_id uuid,
    entity_type text not null,
    entity_id uuid,
    excluded boolean not null,
    hits bigint not null,
    conversions bigint not null,
    linked_facts bigint not null,
    folded_facts bigint not null,
    fact_hash numeric not null,
    attribution_hash numeric not null
) on commit delete rows;

-- name: insert_day_counts
-- HOW: counts and fingerprints of contiguous days, straight from the facts; nothing else of the day is computed.
-- Grain: business day, client, entity, excluded. Inputs: numbers/folded_facts over the days' whole window
-- (:window_start, :window_end); :dates and :starts, the days and their first instants in order (T1).
insert into day_counts (
    bucket_date, client_id, entity_type, entity_id, excluded, hits, conversions, linked_facts, folded_facts, fact_hash,
    attribution_hash
)
select
    (cast(:dates as date[]))[width_bucket(occurred_at, cast(:starts as timestamptz[]))] as bucket_date,
    client_id, entity_type, unfolded_entity_id, excluded,
    sum(hits), sum(conversions), count(*) filter (where link_status = 'resolved'), sum(folded), sum(fact_hash),
    sum(attribution_hash)
from (
    {include numbers/folded_facts}
) fact
group by 1, 2, 3, 4, 5;

-- name: insert_staged_day_counts
-- HOW: the same counts of a day that is being replaced, from its staged facts; for days none of whose facts is folded.
-- Grain: client, entity, excluded. Inputs: stage_session_days, :bucket_date.
insert into day_counts (
    bucket_date, client_id, entity_type, entity_id, excluded, hits, conversions, linked_facts, folded_facts, fact_hash,
    attribution_hash
)
select
    cast(:bucket_date as date), client_id, entity_type, entity_id, excluded,
    sum(hits), sum(conversions), coalesce(sum(hits + conversions) filter (where link_status = 'resolved'), 0),
    sum(folded_facts), sum(fact_hash), sum(attribution_hash)
from stage_session_days
group by client_id, entity_type, entity_id, excluded;

-- name: select_day_differences
-- WHAT: the days whose facts, dimensions or definition differ from what was stored with them, and the days that are
-- marked stale already (they may have come back to what they were).
-- Grain: one business day. Inputs: day_counts, stats.partition_state, stats.client_day, stats.kept_day, :dates, :definition.
-- was_*: NULL when never computed; counts of facts include excluded ones. differing_clients: whose part differs (of a day
-- never computed: who has facts); NULL: all. excluded_clients: of whom another number is excluded than was (E3).
-- day_fingerprint: of the facts now, spelled as that of stats.partition_state; kept: they are those it was accepted with.
select
    d.bucket_date, s.computed_at, s.stale_since, s.stale_cause, s.stale_clients, s.due, s.held_since, s.held_reason,
    s.held_clients, s.losing_clients, s.losing_reasons, n.facts, n.owned_facts, n.excluded_facts, n.folded_facts, n.fingerprint,
    n.attribution_fingerprint,
    s.facts as was_facts, s.owned_facts as was_owned_facts, 
    s.excluded_hits + s.excluded_conversions as was_excluded_facts, s.folded_facts as was_folded_facts,
    s.fingerprint as was_fingerprint,
    s.attribution_fingerprint as was_attribution_fingerprint, s.definition as was_definition,
    n.day_fingerprint, n.day_fingerprint = k.fingerprint is true as kept,
    case when s.computed_at is null then array(
        select distinct c.client_id from day_counts c where c.bucket_date = d.bucket_date
    ) when s.definition = cast(:definition as text) then array(
        select distinct differing.client_id
        from (
            (select c.client_id, sum(c.fact_hash), sum(c.attribution_hash) from day_counts c
             where c.bucket_date = d.bucket_date group by c.client_id
             except
             select p.client_id, p.fingerprint, p.attribution_fingerprint from stats.client_day p
             where p.bucket_date = d.bucket_date)
            union all
            (select p.client_id, p.fingerprint, p.attribution_fingerprint from stats.client_day p
             where p.bucket_date = d.bucket_date
             except
             select c.client_id, sum(c.fact_hash), sum(c.attribution_hash) from day_counts c
             where c.bucket_date = d.bucket_date group by c.client_id)
        ) differing
    ) end as differing_clients,
    array(
        select excluded.client_id
        from (
            select c.client_id, c.hits, c.conversions from day_counts c
            where c.bucket_date = d.bucket_date and c.excluded
            union all
            select p.client_id, -p.excluded_hits, -p.excluded_conversions from stats.client_day p
            where p.bucket_date = d.bucket_date
        ) excluded
        group by excluded.client_id
        having sum(excluded.hits) <> 0 or sum(excluded.conversions) <> 0
    ) as excluded_clients
from unnest(cast(:dates as date[])) as d (bucket_date)
cross join lateral (
    select
        coalesce(sum(c.hits + c.conversions), 0) as facts,
        coalesce(sum(c.hits + c.conversions) filter (where c.client_id is not null), 0) as owned_facts,
        coalesce(sum(c.hits + c.conversions) filter (where c.excluded), 0) as excluded_facts,
        coalesce(sum(c.folded_facts), 0) as folded_facts,
        coalesce(sum(c.fact_hash), 0) as fingerprint,
        coalesce(sum(c.attribution_hash), 0) as attribution_fingerprint,
        md5(coalesce(sum(c.fact_hash), 0)::text || ' ' || coalesce(sum(c.attribution_hash), 0)::text || ' '
            || cast(:definition as text)) as day_fingerprint
    from day_counts c
    where c.bucket_date = d.bucket_date
) n
left join stats.partition_state s on s.bucket_date = d.bucket_date
left join stats.kept_day k on k.bucket_date = d.bucket_date
where s.stale_since is not null
   or case when s.computed_at is null then n.facts > 0
           else (n.fingerprint, n.attribution_fingerprint, cast(:definition as text))
                is distinct from (s.fingerprint, s.attribution_fingerprint, s.definition)
      end
order by d.bucket_date;

-- name: select_client_losses
-- WHAT: what each client's day would lose if it were computed now, and how much of it because facts were deleted or
-- dimension rows vanished; what merely moved to another known client or was excluded is no loss.
-- Grain: business day, client (NULL: unknown), measure (hits or conversions). Inputs: day_counts, stats.bucket_daily at
-- the grain campaign, :dates. lost = deleted + vanished. Facts that turned up under the unknown client count as vanished.
-- day_counts names folded entities as they were before (A6), so folding is no loss. What the folded member of a stored day
-- (the nil UUID) loses has gone to members that were not there: they are folded now as well, or no more.
with counted as (
    select b.bucket_date, m.measure, b.client_id, b.entity_type::text, b.entity_id, m.n as before, 0 as after, 0 as excluded
    from stats.bucket_daily b
    cross join lateral (values ('hits', b.hits), ('conversions', b.conversions)) as m (measure, n)
    where b.grain = 'campaign' and b.bucket_date = any (cast(:dates as date[]))
    union all
    select c.bucket_date, m.measure, c.client_id, c.entity_type, c.entity_id,
           0, case when not c.excluded then m.n else 0 end, case when c.excluded then m.n else 0 end
    from day_counts c
    cross join lateral (values ('hits', c.hits), ('conversions', c.conversions)) as m (measure, n)
    where c.bucket_date = any (cast(:dates as date[]))
),
member as (
    select bucket_date, measure, client_id, entity_type, entity_id,
           sum(before) as before, sum(after) as after, sum(excluded) as excluded
    from counted
    group by bucket_date, measure, client_id, entity_type, entity_id
),
entity as (
    select m.*,
           sum(fallen) over e as entity_fallen,
           sum(excluded) over e + coalesce(sum(greatest(after - before, 0)) filter (where client_id is not null) over e, 0)
               as moved,
           coalesce(sum(greatest(after - before, 0)) filter (where client_id is null) over e, 0) as orphaned
    from (
        select m.*,
               case when entity_id = '00000000-0000-0000-0000-000000000000' then greatest(
                        before - after
                        - coalesce(sum(after) filter (where before = 0) over (partition by bucket_date, measure, entity_type), 0),
                        0
                    ) else greatest(before - after, 0) end as fallen
        from member m
    ) m
    window e as (partition by bucket_date, measure, entity_type, entity_id)
),
loss as (
    select entity.*,
           fallen * greatest(entity_fallen - moved, 0) / nullif(entity_fallen, 0) as lost,
           fallen * least(greatest(entity_fallen - moved, 0), orphaned) / nullif(entity_fallen, 0) as vanished
    from entity
)
select bucket_date, client_id, (select c.name from stats.clients c where c.id = loss.client_id) as client_name,
       measure, sum(before) as before, sum(after) as after,
       coalesce(sum(lost), 0) as lost, coalesce(sum(vanished), 0) as vanished
from loss
group by bucket_date, client_id, measure
having coalesce(sum(lost), 0) > 0 and sum(after) < sum(before)
order by bucket_date, client_id, measure;

-- name: select_unlinked_facts
-- WHAT: how many facts would lose the link they were resolved to while their client and entity stay: the link's row
-- vanished, or no longer matches. Facts that go to another client leave the old one's links behind; that is no loss.
-- Grain: business day; only days with such facts. Inputs: day_counts, stats.bucket_daily at the grain link, :dates.
select bucket_date, sum(greatest(linked_before - linked_after - greatest(before - after, 0), 0)) as unlinked_facts
from (
    select bucket_date, client_id, entity_type, entity_id,
           sum(before) as before, sum(after) as after,
           sum(linked_before) as linked_before, sum(linked_after) as linked_after
    from (
        select b.bucket_date, b.client_id, b.entity_type::text, b.entity_id,
               b.hits + b.conversions as before,
               case when b.link_status = 'resolved' then b.hits + b.conversions else 0 end as linked_before,
               0 as after, 0 as linked_after
        from stats.bucket_daily b
        where b.grain = 'link' and b.bucket_date = any (cast(:dates as date[]))
        union all
        select c.bucket_date, c.client_id, c.entity_type, c.entity_id, 0, 0, c.hits + c.conversions, c.linked_facts
        from day_counts c
        where not c.excluded and c.bucket_date = any (cast(:dates as date[]))
    ) counted
    group by bucket_date, client_id, entity_type, entity_id
) member
group by bucket_date
having sum(greatest(linked_before - linked_after - greatest(before - after, 0), 0)) > 0;

-- name: select_old_facts
-- WHAT: of some days, how many of the facts that were there when a day was computed are dated on it now, how many were
-- then, and whether they are the same by their ids. Of a day never computed: of those that were there when the first of
-- :gone was computed.
-- Grain: one business day. Inputs: stats.visit_facts, stats.entry_facts by time; stats.partition_state; :dates, :starts
-- and :ends, the days and their bounds (T1). An entry has no ingest time; it was there when it is dated.
select d.bucket_date, old.facts as now, coalesce(s.facts, 0) as before,
       coalesce(old.ids = s.fact_ids, false) as are_the_same
from unnest(cast(:dates as date[]), cast(:starts as timestamptz[]), cast(:ends as timestamptz[]))
    as d (bucket_date, window_start, window_end)
left join stats.partition_state s on s.bucket_date = d.bucket_date and s.computed_at is not null
cross join lateral (
    select count(*) as facts, coalesce(sum(uuid_hash_extended(f.id, 0)), 0) as ids
    from (
        select v.id, v.created_at
        from stats.visit_facts v
        where v.accessed_at >= d.window_start and v.accessed_at < d.window_end
        union all
        select e.id, e.created_at
        from stats.entry_facts e
        where e.created_at >= d.window_start and e.created_at < d.window_end
    ) f
    where f.created_at <= coalesce(s.facts_at, (
        select min(g.facts_at) from stats.partition_state g where g.bucket_date = any (cast(:gone as date[]))
    ))
) old;

-- name: select_newest_published
-- WHAT: when the newest of some clients' parts of days was published; NULL when none was.
-- Grain: one row. Inputs: stats.client_day, stats.partition_state; :dates, :clients (pairs).
select max(coalesce(p.facts_at, s.facts_at)) as facts_at
from unnest(cast(:dates as date[]), cast(:clients as uuid[])) as h (bucket_date, client_id)
join stats.partition_state s on s.bucket_date = h.bucket_date and s.computed_at is not null
left join stats.client_day p on p.bucket_date = h.bucket_date and p.client_id is not distinct from h.client_id;

-- name: select_moved_parts
-- WHAT: the clients' parts of some days from which facts went, or to which old facts came, since they were published:
-- the sum of the hashes of the ids that are there now, less that of those published. What was recorded later is new and
-- nobody's loss. Old is what was recorded before the part was published and before the newest of those that are held was
-- (:newest). Where that was more than an hour earlier it is what had settled then: a fact that was being recorded while
-- a part was published is new, too.
-- Grain: business day, client; only parts that moved. Inputs: numbers/attributed_facts over contiguous days
-- (:window_start, :window_end); :dates and :starts, the days and their first instants in order (T1);
-- stats.partition_state, stats.client_day. An entry has no time of recording: it was there when it is dated.
with day as (
    select d.bucket_date, s.facts_at,
           case when s.facts_at - interval '1 hour' >= cast(:newest as timestamptz) then s.facts_at - interval '1 hour'
                else greatest(s.facts_at, cast(:newest as timestamptz)) end as old_until
    from unnest(cast(:dates as date[])) as d (bucket_date)
    left join stats.partition_state s on s.bucket_date = d.bucket_date and s.computed_at is not null
),
part as materialized (
    select p.bucket_date, p.client_id,
           case when settled.is_so then p.settled_fact_ids else p.fact_ids end as ids,
           case when settled.is_so then p.facts_at - interval '1 hour'
                else greatest(p.facts_at, cast(:newest as timestamptz)) end as old_until
    from stats.client_day p
    join day d on d.bucket_date = p.bucket_date and d.facts_at is not null
    cross join lateral (select p.facts_at - interval '1 hour' >= cast(:newest as timestamptz) as is_so) settled
),
fact as (
    select (cast(:dates as date[]))[width_bucket(occurred_at, cast(:starts as timestamptz[]))] as bucket_date,
           client_id, recorded_at, uuid_hash_extended(id, 0) as id_hash
    from (
        {include numbers/attributed_facts}
    ) attributed
)
select bucket_date, client_id, sum(ids) as moved
from (
    select f.bucket_date, f.client_id, sum(f.id_hash) as ids
    from fact f
    join day d on d.bucket_date = f.bucket_date
    left join part p on p.bucket_date = f.bucket_date and p.client_id = f.client_id
    left join part u on u.bucket_date = f.bucket_date and u.client_id is null and f.client_id is null
    where f.recorded_at <= coalesce(p.old_until, u.old_until, d.old_until)
    group by f.bucket_date, f.client_id
    union all
    select p.bucket_date, p.client_id, -p.ids from part p
) counted
group by bucket_date, client_id
having sum(ids) <> 0
order by bucket_date, client_id;

-- name: select_clients_of_missing_rows
-- WHAT: the clients whose campaigns or webinars have staged facts without a dimension row, by what days say that are
-- held: there these facts' entities are still published under their client.
-- Grain: one client. Inputs: stage_session_days, day_counts (of a day with folded facts: what folded entities were before),
-- stats.bucket_daily at the grain campaign, stats.partition_state; :bucket_date, the day that is staged.
select distinct b.client_id
from stats.bucket_daily b
join (
    select n.entity_type, n.entity_id
    from stage_session_days n
    where n.client_id is null and n.entity_id is not null and not n.excluded
    union
    select c.entity_type, c.entity_id
    from day_counts c
    where c.bucket_date = :bucket_date and c.client_id is null and c.entity_id is not null and not c.excluded
) orphan on orphan.entity_id = b.entity_id and orphan.entity_type = b.entity_type::text
where b.grain = 'campaign' and b.client_id is not null
  and b.bucket_date in (
      select s.bucket_date
      from stats.partition_state s
      where s.held_since is not null and s.stale_cause <> 'dimensions_missing' and s.bucket_date <> :bucket_date
  )
order by b.client_id;

-- name: select_last_pass
-- WHAT: when the latest pass that looked for late facts everywhere began; NULL before the first.
select max(started_at) from stats.detection_pass where scope in ('lookback', 'all');

-- name: select_named_days
-- WHAT: the days of facts recorded after an instant, whatever time they are dated (late facts).
-- Grain: one business day. Inputs: stats.visit_facts and stats.entry_facts by created_at, :since; :dates and :starts, all
-- days and their first instants in order (T1). Facts outside those days are left out (T4). Entries have no time of
-- recording: of them those that are dated after the instant.
select distinct (cast(:dates as date[]))[width_bucket(f.occurred_at, cast(:starts as timestamptz[]))] as bucket_date
from (
    select v.accessed_at as occurred_at from stats.visit_facts v where v.created_at >= :since
    union all
    select e.created_at from stats.entry_facts e where e.created_at >= :since
) f
where f.occurred_at >= :window_start and f.occurred_at < :window_end;

-- name: select_marked_days
-- WHAT: the days that wait to be computed again, and those that the guard against mass loss holds.
-- Grain: one business day. Inputs: stats.partition_state.
select bucket_date, computed_at, stale_since, stale_cause, stale_clients, due, held_since, held_reason, held_clients,
       losing_clients, losing_reasons
from stats.partition_state
where stale_since is not null
order by bucket_date;

-- name: select_names
-- WHAT: names of clients. Grain: one client. Inputs: stats.clients; :clients (ids).
select id, name from stats.clients where id = any (cast(:clients as uuid[])) and name is not null;

-- name: upsert_mark
-- HOW: marks a day as stale or held, or takes the marks away, unless it was replaced since it was looked at.
-- Grain: one business day. Inputs: :bucket_date, its bounds, :computed_at as seen, :stale_cause, :held_reason (NULL:
-- not so), :stale_clients, :due, :held_clients, :losing_clients and :losing_reasons. Times of marks that are there already stay, but a day
-- of which only held parts differed is stale anew when others do. Run under the day's lock.
insert into stats.partition_state as p (
    bucket_date, window_start, window_end, definition_version, histogram_pending, stale_since, stale_cause, stale_clients,
    due, held_since, held_reason, held_clients, losing_clients, losing_reasons
)
values (
    :bucket_date, :window_start, :window_end, :definition_version, false,
    case when cast(:stale_cause as text) is not null then cast(:found_at as timestamptz) end, cast(:stale_cause as text),
    cast(:stale_clients as uuid[]), :due,
    case when cast(:held_reason as text) is not null then cast(:found_at as timestamptz) end, cast(:held_reason as text),
    cast(:held_clients as uuid[]), cast(:losing_clients as uuid[]), cast(:losing_reasons as text[])
)
on conflict (bucket_date) do update set
    stale_since = case when excluded.stale_cause is null then null
                       when excluded.due and not p.due then excluded.stale_since
                       else coalesce(p.stale_since, excluded.stale_since) end,
    stale_cause = excluded.stale_cause,
    stale_clients = excluded.stale_clients,
    due = excluded.due,
    held_since = case when excluded.held_reason is not null then coalesce(p.held_since, excluded.held_since) end,
    held_reason = excluded.held_reason,
    held_clients = excluded.held_clients,
    losing_clients = excluded.losing_clients,
    losing_reasons = excluded.losing_reasons
where p.computed_at is not distinct from cast(:computed_at as timestamptz);

-- name: upsert_kept_day
-- HOW: keeps a day as it is with the facts it has now (:fingerprint), for whom they differ (:clients), and notes it in the
-- ledger, of the platform and of these clients. Grain: one business day. Inputs: stats.bucket_daily; :reason, :author.
with kept as (
    insert into stats.kept_day as k (bucket_date, fingerprint, clients, reason, author)
    values (:bucket_date, :fingerprint, cast(:clients as uuid[]), :reason, :author)
    on conflict (bucket_date) do update set
        fingerprint = excluded.fingerprint, clients = excluded.clients, reason = excluded.reason,
        author = excluded.author, accepted_at = excluded.accepted_at
    returning bucket_date, clients
)
insert into stats.day_ledger (
    bucket_date, grain, client_id, cause, reason, author, hits_before, hits_after, visits_before, visits_after,
    conversions_before, conversions_after
)
select k.bucket_date, who.grain, who.client_id, 'kept', :reason, :author,
       coalesce(b.hits, 0), coalesce(b.hits, 0), coalesce(b.visits, 0), coalesce(b.visits, 0),
       coalesce(b.conversions, 0), coalesce(b.conversions, 0)
from kept k
cross join lateral (
    select 'platform' as grain, null::uuid as client_id
    union all
    select 'client', c.client_id from unnest(k.clients) as c (client_id)
    union all
    select 'client', c.client_id from stats.bucket_daily c
    where k.clients is null and c.grain = 'client' and c.bucket_date = k.bucket_date
) who
left join stats.bucket_daily b
    on b.grain = who.grain and b.bucket_date = k.bucket_date and b.client_id is not distinct from who.client_id;

-- name: delete_ended_keeps
-- HOW: forgets that days were kept as they are: they are what their facts say again. Inputs: :days; :found_at, when that
-- was found: what somebody decided since then stays.
delete from stats.kept_day where bucket_date = any (cast(:days as date[])) and accepted_at < :found_at;

-- name: delete_mark
-- HOW: deletes a day that was marked, never computed and has no facts any more. Grain: one business day.
delete from stats.partition_state where bucket_date = :bucket_date and computed_at is null;

-- name: insert_pass
-- HOW: records a finished pass of change detection.
insert into stats.detection_pass (
    started_at, finished_at, scope, days_checked, days_changed, days_held, compared_from, recent_from, out_of_range_hits,
    out_of_range_conversions
)
values (
    :started_at, clock_timestamp(), :scope, :days_checked, :days_changed, :days_held, :compared_from, :recent_from,
    :out_of_range_hits, :out_of_range_conversions
)
on conflict do nothing;

-- name: upsert_day_comparisons
-- HOW: notes that days were found to agree with their facts by the snapshot of :compared_at, and which computation it saw.
-- Grain: one business day. Inputs: :days (ascending: two passes never wait for each other crosswise) and :computed_at.
insert into stats.day_comparison as c (bucket_date, compared_at, computed_at)
select d.day, cast(:compared_at as timestamptz), d.computed_at
from unnest(cast(:days as date[]), cast(:computed_at as timestamptz[])) as d (day, computed_at)
order by d.day
on conflict (bucket_date) do update set compared_at = excluded.compared_at, computed_at = excluded.computed_at
where c.compared_at < excluded.compared_at;

-- name: delete_old_passes
-- HOW: deletes passes of change detection that began before :kept_from, the latest of each scope excepted.
delete from stats.detection_pass d
where d.started_at < :kept_from
  and exists (select from stats.detection_pass n where n.scope = d.scope and n.started_at > d.started_at);

-- name: select_newest_detection
-- WHAT: when change detection last finished a pass; where there was none, when the build settings were stored.
-- Grain: one row (none before the first migration). Inputs: stats.detection_pass, stats.build_settings.
select (select max(finished_at) from stats.detection_pass) as finished_at, created_at as migrated_since
from stats.build_settings;

-- name: select_remarked_days
-- WHAT: measured days of whose entries visits name another number than when linkage (Q2) was measured: marks on hits are no
-- part of any day's fingerprint. Days measured a moment ago are left out: marks follow entries, and who is at work on a
-- day measures it again. Grain: business day. Inputs: stats.quality_daily, stats.entry_facts, stats.visit_facts; :days,
-- :starts, :ends.
select d.day
from unnest(cast(:days as date[]), cast(:starts as timestamptz[]), cast(:ends as timestamptz[]))
    as d (day, window_start, window_end)
join stats.quality_daily q
    on q.bucket_date = d.day and q.scope = 'platform' and q.linkage_input is not null
    and q.measured_at < now() - interval '10 minutes'
cross join lateral (
    select count(*) as entries
    from stats.entry_facts e
    where e.created_at >= d.window_start and e.created_at < d.window_end
      and exists (select from stats.visit_facts v where v.entry_id = e.id)
) n
where split_part(q.linkage_input, '/', 2) <> n.entries::text
order by d.day;

-- name: update_remarked_days
-- HOW: forgets what linkage of the days was measured from, so that it is stale. Run under the lock of the indicators.
update stats.quality_daily set linkage_input = null, remarked_at = clock_timestamp()
where bucket_date = any (cast(:days as date[]));

-- name: select_changed_days
-- WHAT: days marked as changed of which something may be computed, and still can, with when they last were.
-- Grain: one row per business day, oldest first. Inputs: stats.partition_state, stats.build_settings.
select s.bucket_date, s.stale_since, s.computed_at
from stats.partition_state s
cross join stats.build_settings c
where s.due and s.bucket_date >= coalesce(c.session_days_from + c.longest_range_days - 1, '-infinity')
order by s.bucket_date;

-- name: select_underived_days
-- WHAT: computed days whose indicators, checks or return histograms are not of the computation that is stored, or whose
-- linkage (Q2) is not of the other days' as they are stored. Days that will be computed again anyway, or are held, are not
-- among them; of days that are kept with other facts than theirs, whose indicators cannot be theirs, only those whose
-- histograms are not merged. A day that is added to all the time is left out for as long as :patience after it was measured;
-- so is one of which linkage alone is missing because others were computed, as they are one after the other in a backfill.
-- since: when the computation was made that they are not of, or where linkage alone is missing, when it was moved: another
-- day of its look-back was computed, or marks on hits were found to have changed.
-- Grain: one row per business day, oldest first. Inputs: stats.partition_state, stats.quality_daily, stats.day_check,
-- stats.kept_day, stats.delta_day.
select s.bucket_date,
       case when m.derived_from = s.day_fingerprint and c.bucket_date is not null and not s.histogram_pending
            then greatest(m.remarked_at, (
                select max(n.computed_at)
                from stats.partition_state n
                where n.bucket_date between s.bucket_date - b.linkage_days_before - 1 and s.bucket_date + 1
            )) else s.computed_at end as since
from stats.partition_state s
cross join stats.build_settings b
left join stats.quality_daily m on m.bucket_date = s.bucket_date and m.scope = 'platform'
left join stats.linkage_inputs(
    (select min(bucket_date) from stats.partition_state), (select max(bucket_date) from stats.partition_state)
) i on i.bucket_date = s.bucket_date
left join (
    select c.bucket_date, c.derived_from from stats.day_check c group by 1, 2 having count(*) = 2
) c on c.bucket_date = s.bucket_date and c.derived_from = s.day_fingerprint
where s.computed_at is not null and s.stale_since is null
  and (s.histogram_pending or (
      ((m.derived_from = s.day_fingerprint and split_part(m.linkage_input, '/', 1) = i.input) is not true
       or c.bucket_date is null)
      and not exists (select from stats.kept_day k where k.bucket_date = s.bucket_date)
      and (m.measured_at > now() - cast(:patience as interval) and (
          m.derived_from = s.day_fingerprint and c.bucket_date is not null and m.linkage_input is not null
          or exists (select from stats.delta_day d where d.bucket_date = s.bucket_date and d.deltas > 0)
      )) is not true
  ))
order by s.bucket_date;

-- name: select_missing_days
-- WHAT: days from the first partition to :newest that were never computed, and that no mark has computed by itself;
-- those that somebody keeps so are left out.
-- Grain: one row per business day, oldest first. Inputs: stats.partition_state, stats.kept_day, stats.build_settings; :newest.
select days.day::date as bucket_date
from stats.build_settings c
cross join generate_series(c.first_partition, cast(:newest as date), interval '1 day') as days (day)
where not exists (select from stats.partition_state s where s.bucket_date = days.day::date)
  and not exists (select from stats.kept_day k where k.bucket_date = days.day::date)
order by days.day;

-- name: select_unfinished_days
-- WHAT: days up to :today that no computation from after their end stands for: never computed, or computed before they
-- were over. Today itself is listed when it was never computed. Looks back to :first_day, and further when no day
-- since the last computed one has been (nothing ran for a while). Days that are held for everybody, or that can no longer
-- be computed, are left out.
-- Grain: one row per business day, oldest first. Inputs: stats.partition_state, stats.build_settings; :first_day, :today.
with computed as (
    select bucket_date, window_end, facts_at, computed_at, held_clients
    from stats.partition_state
    where computed_at is not null
),
reach as (
    select greatest(
        c.first_partition, c.session_days_from + c.longest_range_days - 1,
        least(cast(:first_day as date), (select max(bucket_date) + 1 from computed where bucket_date <= :today))
    ) as first_day
    from stats.build_settings c
)
select days.day::date as bucket_date, s.computed_at
from reach
cross join generate_series(reach.first_day, cast(:today as date), interval '1 day') as days (day)
left join computed s on s.bucket_date = days.day::date
where (s.bucket_date is null and not exists (
       select from stats.partition_state h where h.bucket_date = days.day::date and h.held_since is not null
   ))
   or (s.held_clients is distinct from '{}' and s.bucket_date < :today and s.facts_at < s.window_end)
order by days.day;

-- name: select_replaced_days
-- WHAT: which of some days each of some runs has replaced so far.
-- Grain: run and business day. Inputs: stats.day_ledger (one platform row for every replacement); :run_ids, :days.
select distinct run_id, bucket_date
from stats.day_ledger
where bucket_date = any (cast(:days as date[])) and client_id is null and grain = 'platform'
  and run_id = any (cast(:run_ids as text[]));

-- name: delete_running_days
-- HOW: deletes the ledger of days while they were still running: their numbers grew all the time. What was changed after
-- the day's end stays. Grain: ledger row. Inputs: :old_before, the first day that is not old yet.
delete from stats.day_ledger l
using stats.partition_state s
where s.bucket_date = l.bucket_date and l.bucket_date < :old_before and l.replaced_at < s.window_end;

-- name: select_exclusions
-- WHAT: the campaigns excluded (E3), with their title where the row exists, why, by whom and since when.
-- Grain: one rule. Inputs: stats.exclusion, stats.campaigns.
select x.campaign_id, c.title, c.client_id, x.reason, x.author, x.created_at
from stats.exclusion x
left join stats.campaigns c on c.id = x.campaign_id
order by x.created_at, x.campaign_id;

-- name: insert_exclusion
-- HOW: adds a rule of exclusion (E3) and its history; nothing when the campaign is excluded already. Returns the rule.
with added as (
    insert into stats.exclusion (campaign_id, reason, author)
    values (:campaign_id, :reason, :author)
    on conflict do nothing
    returning campaign_id, reason, author
)
insert into stats.exclusion_change (campaign_id, change, reason, author)
select campaign_id, 'added', reason, author from added
returning campaign_id;

-- name: delete_exclusion
-- HOW: removes a rule of exclusion (E3) and notes who did and why; nothing when there is none. Returns the campaign.
with removed as (
    delete from stats.exclusion where campaign_id = :campaign_id returning campaign_id
)
insert into stats.exclusion_change (campaign_id, change, reason, author)
select campaign_id, 'removed', :reason, :author from removed
returning campaign_id;

-- name: select_what_has_id
-- WHAT: what an id is that somebody wants excluded: a campaign's, a webinar's, only on facts, or nothing's. One row.
-- Inputs: stats.campaigns, stats.webinars, stats.visit_facts and stats.entry_facts by campaign_id; :campaign_id.
select
    exists (select from stats.campaigns c where c.id = :campaign_id) as is_campaign,
    exists (select from stats.webinars w where w.id = :campaign_id) as is_webinar,
    exists (select from stats.visit_facts v where v.campaign_id = :campaign_id)
    or exists (select from stats.entry_facts e where e.campaign_id = :campaign_id) as has_facts;

-- name: select_days_of_campaign
-- WHAT: the days that hold facts of a campaign: those a rule of exclusion for it changes.
-- Grain: one business day. Inputs: stats.visit_facts, stats.entry_facts by campaign_id; :campaign_id; :dates and :starts,
-- all days and their first instants in order (T1), :window_start, :window_end, their bounds.
select distinct (cast(:dates as date[]))[width_bucket(occurred_at, cast(:starts as timestamptz[]))] as bucket_date
from (
    select v.accessed_at as occurred_at from stats.visit_facts v where v.campaign_id = :campaign_id
    union all
    select e.created_at from stats.entry_facts e where e.campaign_id = :campaign_id
) fact
where occurred_at >= :window_start and occurred_at < :window_end;

-- name: select_newest_facts
-- WHAT: when the newest visit hit and the newest entry were recorded (NULL where there is none), and how many rows of
-- each happened in [:window_start, :window_end). Grain: one row a source table. Inputs: stats.visit_facts and
-- stats.entry_facts.
select 'event_access_logs' as source_table,
       (select max(v.created_at) from stats.visit_facts v) as recorded_at,
       (select count(*) from stats.visit_facts v
        where v.accessed_at >= :window_start and v.accessed_at < :window_end) as rows_today
union all
select 'event_survey_entries',
       (select max(e.created_at) from stats.entry_facts e),
       (select count(*) from stats.entry_facts e
        where e.created_at >= :window_start and e.created_at < :window_end);

-- name: select_normalized_utm
-- WHAT: UTM values as facts have them (N1, A5), each once. Grain: one value. Inputs: :values (text array).
select distinct stats.normalize_utm(given.value) as value
from unnest(cast(:values as text[])) as given (value)
where stats.normalize_utm(given.value) is not null
order by value;

-- name: select_folds
-- WHAT: fold rules (A6), removed ones only with :also_removed, with how many values each lists.
-- Grain: one rule. Inputs: stats.fold_rule, stats.fold_value, stats.clients.
select r.rule_no, r.client_id, k.name as client_name, r.field, r.kind, r.prefix,
       (select count(*) from stats.fold_value v where v.rule_no = r.rule_no) as listed,
       r.reason, r.author, r.created_at, r.removed_at, r.removed_reason, r.removed_by
from stats.fold_rule r
left join stats.clients k on k.id = r.client_id
where cast(:also_removed as boolean) or r.removed_at is null
order by r.rule_no;

-- name: select_days_of_fold
-- WHAT: the computed days whose buckets have members that a fold rule (A6) folds: those that adding it changes.
-- Grain: one business day. Inputs: stats.bucket_daily, dimensions; :client_id (NULL: the unknown client), :field, :kind,
-- :prefix, :values (text array; the set of the kinds values and all_except).
select distinct m.bucket_date
from (
    select b.bucket_date,
           case cast(:field as text)
               when 'utm_source' then b.utm_source
               when 'utm_medium' then b.utm_medium
               when 'utm_campaign' then b.utm_campaign
               when 'link_id' then case when b.link_status = 'unresolved' then b.link_id::text end
               when 'entity_id' then case when c.id is null and w.id is null then b.entity_id::text end
           end as value
    from stats.bucket_daily b
    left join stats.campaigns c on c.id = b.entity_id and b.entity_type = 'campaign'
    left join stats.webinars w on w.id = b.entity_id and b.entity_type = 'webinar'
    where b.grain = case cast(:field as text) when 'link_id' then 'link' when 'entity_id' then 'campaign' else cast(:field as text) end
      and b.client_id is not distinct from cast(:client_id as uuid)
) m
left join unnest(cast(:values as text[])) as listed (value) on listed.value = m.value
where m.value not in ('(folded)', '00000000-0000-0000-0000-000000000000')
  and case cast(:kind as text)
      when 'prefix' then starts_with(m.value, cast(:prefix as text))
      when 'values' then listed.value is not null
      else listed.value is null
  end
order by m.bucket_date;

-- name: select_days_with_folded
-- WHAT: the computed days that have a folded member of a client and field (A6): those that removing a rule may change.
-- Grain: one business day. Inputs: stats.bucket_daily; :client_id (NULL: the unknown client), :field.
select distinct b.bucket_date
from stats.bucket_daily b
where b.grain = case cast(:field as text) when 'link_id' then 'link' when 'entity_id' then 'campaign' else cast(:field as text) end
  and b.client_id is not distinct from cast(:client_id as uuid)
  and case cast(:field as text)
      when 'utm_source' then b.utm_source
      when 'utm_medium' then b.utm_medium
      when 'utm_campaign' then b.utm_campaign
      when 'link_id' then b.link_id::text
      when 'entity_id' then b.entity_id::text
  end in ('(folded)', '00000000-0000-0000-0000-000000000000')
order by b.bucket_date;

-- name: select_pruned_days
-- WHAT: how many of some days pruned session-days no longer allow to be computed again (M6). Grain: one row.
-- Inputs: stats.build_settings; :days.
select count(*) as days
from unnest(cast(:days as date[])) as d (day)
cross join stats.build_settings c
where d.day < c.session_days_from + c.longest_range_days - 1;

-- name: insert_fold
-- HOW: adds a fold rule (A6) with the set it lists. Returns its number.
with added as (
    insert into stats.fold_rule (rule_no, client_id, field, kind, prefix, reason, author)
    select coalesce(max(r.rule_no), 0) + 1, cast(:client_id as uuid), :field, :kind, cast(:prefix as text), :reason, :author
    from stats.fold_rule r
    returning rule_no
),
listed as (
    insert into stats.fold_value (rule_no, value)
    select a.rule_no, v.value
    from added a
    cross join unnest(cast(:values as text[])) as v (value)
)
select rule_no from added;

-- name: update_fold_removed
-- HOW: ends a fold rule (A6) and notes who did and why; nothing when it is none in force. Returns the rule.
update stats.fold_rule
set removed_at = clock_timestamp(), removed_reason = :reason, removed_by = :author
where rule_no = :rule_no and removed_at is null
returning rule_no;
