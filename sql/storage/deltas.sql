-- Bringing a published day up to date by the facts that were added to it, in the order of its one transaction: find them,
-- stage them, prove that nothing else changed, add.

-- name: create_added
-- HOW: a connection's own scratch table for the attributed facts that were added to a day.
create temporary table if not exists stage_added (like stage_session_days including defaults) on commit delete rows;

-- name: create_bucket_changes
-- HOW: a connection's own scratch table for what they add to the day's buckets.
create temporary table if not exists stage_bucket_changes (like stage_buckets) on commit delete rows;

-- name: select_delta_day
-- WHAT: what is known of a day that may be brought up to date: as of when it was published and from what, its mark, and what
-- else may be in the way. No row: it was never published whole as such a day.
-- Grain: one business day. Inputs: stats.delta_day, stats.partition_state, stats.client_day, stats.kept_day; :bucket_date.
-- are_as_one: every client's part was published with the day. ran: whether an hour went by since it was computed whole.
select
    s.facts_at, s.definition, s.stale_cause, s.histogram_included, d.deltas, d.differing,
    d.whole_at <= transaction_timestamp() - interval '1 hour' as ran,
    s.facts_at > transaction_timestamp() as lies_ahead,
    s.window_end <= transaction_timestamp() or s.window_start > transaction_timestamp() as is_over,
    exists (select from stats.partition_state h where h.held_since is not null) as is_held,
    exists (select from stats.kept_day k where k.bucket_date = s.bucket_date) as is_kept,
    not exists (
        select from stats.client_day p where p.bucket_date = s.bucket_date and p.facts_at <> s.facts_at
    ) as are_as_one
from stats.delta_day d
join stats.partition_state s on s.bucket_date = d.bucket_date and s.computed_at is not null
where d.bucket_date = :bucket_date;

-- name: facts_of_day
-- WHAT: the facts of a day: when each occurred and was recorded (an entry when it is dated). Grain: one fact.
-- Inputs: stats.visit_facts, stats.entry_facts; :window_start, :window_end. (Not a statement of its own.)
select v.id, v.accessed_at as occurred_at, v.created_at as recorded_at
from stats.visit_facts v
where v.accessed_at >= :window_start and v.accessed_at < :window_end
union all
select e.id, e.created_at, e.created_at
from stats.entry_facts e
where e.created_at >= :window_start and e.created_at < :window_end;

-- name: recent_facts
-- WHAT: the facts of a day that were recorded lately: found by when they were recorded, among those of all days, because a
-- day is large and its statistics always behind. One that is recorded for ever later is none of them, so the day is not
-- proven. Grain: one fact. Inputs: stats.visit_facts, stats.entry_facts; :since, :window_start, :window_end.
-- (Not a statement of its own.)
with visit as materialized (
    select v.id, v.accessed_at as occurred_at, v.created_at as recorded_at
    from stats.visit_facts v
    where v.created_at >= :since and v.created_at < 'infinity'
)
select v.id, v.occurred_at, v.recorded_at
from visit v
where v.occurred_at >= :window_start and v.occurred_at < :window_end
union all
select e.id, e.created_at, e.created_at
from stats.entry_facts e
where e.created_at >= greatest(cast(:since as timestamptz), :window_start) and e.created_at < :window_end;

-- name: select_added_facts
-- WHAT: the facts of a day that were recorded lately and not counted when it was published, at most :most.
-- Grain: one fact. Inputs: recent_facts; stats.delta_day; :bucket_date, :since, :window_start, :window_end. Only candidates:
-- proof is select_proof.
select f.id, f.occurred_at, f.recorded_at
from (
    {include storage/deltas/recent_facts}
) f
where not exists (
    select from stats.delta_day d cross join unnest(d.counted) as c (id) where d.bucket_date = :bucket_date and c.id = f.id
)
order by f.id
limit :most;

-- name: select_random_facts
-- WHAT: some of a day's facts, taken at random. For tests: the day is published without them and they are added.
-- Grain: one fact. Inputs: facts_of_day; :window_start, :window_end, :most.
select f.id, f.occurred_at, f.recorded_at
from (
    {include storage/deltas/facts_of_day}
) f
where random() < 0.5
order by f.id
limit :most;

-- name: session_days_of_some
-- WHAT: what numbers/session_days says, of some of the facts or (:are_these false) of all others.
-- Grain: client, entity, link, link_status, UTM triple, session_id, excluded. Inputs: numbers/folded_facts, which holds the
-- rules; :window_start, :window_end; :ids, of the facts. (Not a statement of its own.)
select
    client_id, entity_type, entity_id, link_id, link_status, utm_source, utm_medium, utm_campaign, session_id,
    sum(hits), sum(conversions), excluded, sum(folded), sum(fact_hash), sum(attribution_hash), sum(id_hash),
    coalesce(sum(id_hash) filter (where recorded_at <= transaction_timestamp() - interval '1 hour'), 0)
from (
    {include numbers/folded_facts}
) fact
where (id = any (cast(:ids as uuid[]))) = cast(:are_these as boolean)
group by
    client_id, entity_type, entity_id, link_id, link_status, utm_source, utm_medium, utm_campaign, session_id, excluded;

-- name: insert_added
-- HOW: stages the attributed facts that were added; a window after the other. Grain and inputs: session_days_of_some.
insert into stage_added (
    client_id, entity_type, entity_id, link_id, link_status, utm_source, utm_medium, utm_campaign, session_id,
    hits, conversions, excluded, folded_facts, fact_hash, attribution_hash, id_hash, settled_id_hash
)
{include storage/deltas/session_days_of_some};

-- name: insert_others
-- HOW: stages the day's attributed facts but for some. For tests: see select_random_facts. Grain and inputs:
-- session_days_of_some.
insert into stage_session_days (
    client_id, entity_type, entity_id, link_id, link_status, utm_source, utm_medium, utm_campaign, session_id,
    hits, conversions, excluded, folded_facts, fact_hash, attribution_hash, id_hash, settled_id_hash
)
{include storage/deltas/session_days_of_some};

-- name: select_proof
-- WHAT: is the day, as its facts are now, what was published and the facts that were added, and nothing else? Both sums of
-- hashes say so: of all that facts are, and of what dimensions, exclusions and rules make of them. So do their counts (E3).
-- Grain: one row. Inputs: stage_added, stats.partition_state, stats.chunk, whose chunks are those of this snapshot;
-- stats.visit_facts, stats.entry_facts; :bucket_date, :window_start, :window_end.
select
    (s.fingerprint + n.fact_hash, s.attribution_fingerprint + n.attribution_hash)
        = (k.fact_hash, k.attribution_hash) as is_all,
    (s.hits + s.excluded_hits + n.hits, s.conversions + s.excluded_conversions + n.conversions)
        = (raw.hits, raw.conversions) as adds_up
from stats.partition_state s
cross join (
    select coalesce(sum(a.fact_hash), 0) as fact_hash, coalesce(sum(a.attribution_hash), 0) as attribution_hash,
           coalesce(sum(a.hits), 0) as hits, coalesce(sum(a.conversions), 0) as conversions
    from stage_added a
) n
cross join (
    select coalesce(sum(c.fact_hash), 0) as fact_hash, coalesce(sum(c.attribution_hash), 0) as attribution_hash
    from stats.chunk c
    where c.bucket_date = :bucket_date
) k
cross join (
    select
        (select count(*) from stats.visit_facts v where v.accessed_at >= :window_start and v.accessed_at < :window_end) as hits,
        (select count(*) from stats.entry_facts e where e.created_at >= :window_start and e.created_at < :window_end)
            as conversions
) raw
where s.bucket_date = :bucket_date;

-- name: insert_touched
-- HOW: stages the day's session-days of the sessions that the added facts are of, all of them, and those without a session
-- of their attributions: what was published of whatever they touch. Whole rows are compared: NULL equals NULL.
-- Grain: one row of stats.session_days. Inputs: stage_added, stats.session_days by session; :bucket_date.
insert into stage_session_days (
    client_id, entity_type, entity_id, link_id, link_status, utm_source, utm_medium, utm_campaign, session_id,
    hits, conversions, excluded, folded_facts
)
select
    s.client_id, s.entity_type, s.entity_id, s.link_id, s.link_status, s.utm_source, s.utm_medium, s.utm_campaign,
    s.session_id, s.hits, s.conversions, false, 0
from (select distinct a.session_id from stage_added a where a.session_id is not null and not a.excluded) n
join stats.session_days s
    on stats.session_key(s.session_id) = stats.session_key(n.session_id) and s.bucket_date = :bucket_date
    and s.session_id = n.session_id
union all
select
    s.client_id, s.entity_type, s.entity_id, s.link_id, s.link_status, s.utm_source, s.utm_medium, s.utm_campaign,
    s.session_id, s.hits, s.conversions, false, 0
from stats.session_days s
where s.bucket_date = :bucket_date and s.session_id is null
  and exists (
    select from stage_added a
    where a.session_id is null and not a.excluded
      and row(s.bucket_date, s.client_id, s.entity_type, s.entity_id, s.link_id, s.link_status, s.utm_source, s.utm_medium,
              s.utm_campaign, null, 0, 0)::stats.session_days
          = row(cast(:bucket_date as date), a.client_id, a.entity_type, a.entity_id, a.link_id, a.link_status, a.utm_source,
                a.utm_medium, a.utm_campaign, null, 0, 0)::stats.session_days
  );

-- name: delete_touched
-- HOW: takes what insert_touched has staged out of the day's session-days; update_touched gives it back with what was added.
-- Grain: one row of stats.session_days. Inputs: stage_session_days, stats.session_days by session; :bucket_date.
delete from stats.session_days s
where s.ctid = any (array(
    select o.ctid
    from (select distinct n.session_id from stage_session_days n where n.session_id is not null) n
    join stats.session_days o
        on stats.session_key(o.session_id) = stats.session_key(n.session_id) and o.bucket_date = :bucket_date
        and o.session_id = n.session_id
    union all
    select o.ctid
    from stats.session_days o
    where o.bucket_date = :bucket_date and o.session_id is null
      and exists (
        select from stage_session_days n
        where n.session_id is null
          and o = row(cast(:bucket_date as date), n.client_id, n.entity_type, n.entity_id, n.link_id, n.link_status,
                      n.utm_source, n.utm_medium, n.utm_campaign, null, n.hits, n.conversions)::stats.session_days
      )
));

-- name: negate_buckets
-- HOW: what was published is taken away, before what is now is added. Inputs: stage_buckets.
update stage_buckets
set hits = -hits, visits = -visits, sessionless_hits = -sessionless_hits, conversions = -conversions;

-- name: insert_merged
-- HOW: stages what was touched and what was added, put together; it is marked (held), for delete_unmerged.
-- Grain: attribution, session. Inputs: stage_session_days, stage_added.
insert into stage_session_days (
    client_id, entity_type, entity_id, link_id, link_status, utm_source, utm_medium, utm_campaign, session_id,
    hits, conversions, excluded, folded_facts, held
)
select client_id, entity_type, entity_id, link_id, link_status, utm_source, utm_medium, utm_campaign, session_id,
       sum(hits), sum(conversions), false, 0, true
from (
    select n.client_id, n.entity_type, n.entity_id, n.link_id, n.link_status, n.utm_source, n.utm_medium, n.utm_campaign,
           n.session_id, n.hits, n.conversions
    from stage_session_days n
    union all
    select a.client_id, a.entity_type, a.entity_id, a.link_id, a.link_status, a.utm_source, a.utm_medium, a.utm_campaign,
           a.session_id, a.hits, a.conversions
    from stage_added a
    where not a.excluded
) touched
group by client_id, entity_type, entity_id, link_id, link_status, utm_source, utm_medium, utm_campaign, session_id;

-- name: insert_appeared
-- HOW: notes which sessions appeared on a day that the return histograms already include; none vanishes. Run before
-- delete_unmerged. Grain: attribution and session. Inputs: stage_session_days; :bucket_date. Rule: M6.
insert into stats.session_day_change (
    bucket_date, client_id, entity_type, entity_id, link_id, link_status, utm_source, utm_medium, utm_campaign,
    session_id, change
)
select cast(:bucket_date as date), appeared.*, 1
from (
    select n.client_id, n.entity_type, n.entity_id, n.link_id, n.link_status, n.utm_source, n.utm_medium,
           n.utm_campaign, n.session_id
    from stage_session_days n
    where n.session_id is not null and n.held
    except
    select n.client_id, n.entity_type, n.entity_id, n.link_id, n.link_status, n.utm_source, n.utm_medium,
           n.utm_campaign, n.session_id
    from stage_session_days n
    where n.session_id is not null and not n.held
) appeared;

-- name: select_appeared
-- WHAT: how many rows of session-days are added. Run before delete_unmerged. Inputs: stage_session_days.
select coalesce(sum(case when n.held then 1 else -1 end), 0) as session_days from stage_session_days n;

-- name: delete_unmerged
-- HOW: leaves what is now of the touched session-days in the stage. Inputs: stage_session_days.
delete from stage_session_days where not held;

-- name: insert_bucket_changes
-- HOW: what is added to each bucket: the distinct sessions that are touched, counted as they are now less as they were; all
-- other sessions of a bucket are neither. Grain: bucket; only those that change. Inputs: stage_buckets.
insert into stage_bucket_changes (
    grain, client_id, entity_type, entity_id, link_id, link_status, utm_source, utm_medium, utm_campaign,
    hits, visits, sessionless_hits, conversions
)
select grain, client_id, entity_type, entity_id, link_id, link_status, utm_source, utm_medium, utm_campaign,
       sum(hits), sum(visits), sum(sessionless_hits), sum(conversions)
from stage_buckets
group by grain, client_id, entity_type, entity_id, link_id, link_status, utm_source, utm_medium, utm_campaign
having sum(hits) <> 0 or sum(visits) <> 0 or sum(sessionless_hits) <> 0 or sum(conversions) <> 0;

-- name: insert_changed_buckets
-- HOW: stages the buckets that change, as they are now. Run on an empty stage.
-- Grain: one bucket. Inputs: stage_bucket_changes, stats.bucket_daily; :bucket_date.
insert into stage_buckets (
    grain, client_id, entity_type, entity_id, link_id, link_status, utm_source, utm_medium, utm_campaign,
    hits, visits, sessionless_hits, conversions
)
select n.grain, n.client_id, n.entity_type, n.entity_id, n.link_id, n.link_status, n.utm_source, n.utm_medium, n.utm_campaign,
       n.hits + coalesce(b.hits, 0), n.visits + coalesce(b.visits, 0), n.sessionless_hits + coalesce(b.sessionless_hits, 0),
       n.conversions + coalesce(b.conversions, 0)
from stage_bucket_changes n
left join stats.bucket_daily b
    on b.bucket_date = :bucket_date
    and row(b.grain, b.bucket_date, b.client_id, b.entity_type, b.entity_id, b.link_id, b.link_status, b.utm_source,
            b.utm_medium, b.utm_campaign, 0, 0, 0, 0)::stats.bucket_daily
        = row(n.grain, cast(:bucket_date as date), n.client_id, n.entity_type, n.entity_id, n.link_id, n.link_status,
              n.utm_source, n.utm_medium, n.utm_campaign, 0, 0, 0, 0)::stats.bucket_daily;

-- name: delete_changed_buckets
-- HOW: takes the buckets away that change; insert_all_buckets gives them back as they are staged.
-- Grain: one bucket. Inputs: stage_bucket_changes; :bucket_date.
delete from stats.bucket_daily b
where b.bucket_date = :bucket_date
  and exists (
    select from stage_bucket_changes n
    where row(b.grain, b.bucket_date, b.client_id, b.entity_type, b.entity_id, b.link_id, b.link_status, b.utm_source,
              b.utm_medium, b.utm_campaign, 0, 0, 0, 0)::stats.bucket_daily
          = row(n.grain, cast(:bucket_date as date), n.client_id, n.entity_type, n.entity_id, n.link_id, n.link_status,
                n.utm_source, n.utm_medium, n.utm_campaign, 0, 0, 0, 0)::stats.bucket_daily
  );

-- name: delete_changed_hours
-- HOW: takes the hour buckets of the hours away that facts were added to; they are counted anew.
-- Grain: one hour bucket. Inputs: :bucket_date; :first_hour, :last_hour (UTC hours, T2).
delete from stats.campaign_hourly
where bucket_date = :bucket_date and bucket_hour between :first_hour and :last_hour;

-- name: insert_ledger
-- HOW: notes in the ledger what was added: to its running row of the platform, and of each client whose totals change, while
-- that is younger than a minute; else in a new one. Run before the buckets change.
-- Grain: grain and client. Inputs: stage_bucket_changes, stats.bucket_daily; :bucket_date, :run_id, :cause, :reason, :author.
with total as (
    select t.grain, t.client_id, sum(t.hits) as hits, sum(t.visits) as visits, sum(t.conversions) as conversions
    from (
        select 'platform' as grain, cast(null as uuid) as client_id, 0 as hits, 0 as visits, 0 as conversions
        union all
        select n.grain, n.client_id, n.hits, n.visits, n.conversions
        from stage_bucket_changes n
        where n.grain in ('platform', 'client')
    ) t
    group by t.grain, t.client_id
    having t.grain = 'platform' or sum(t.hits) <> 0 or sum(t.visits) <> 0 or sum(t.conversions) <> 0
),
latest as (
    select distinct on (l.grain, l.client_id) l.*
    from stats.day_ledger l
    where l.bucket_date = :bucket_date and l.replaced_at > clock_timestamp() - interval '50 seconds'
    order by l.grain, l.client_id, l.entry_no desc
),
running as (
    select t.*, l.entry_no
    from total t
    join latest l on l.grain = t.grain and l.client_id is not distinct from t.client_id
    where l.published = 'delta'
      and (l.run_id, l.reason, l.author, l.cause)
          is not distinct from (cast(:run_id as text), cast(:reason as text), cast(:author as text), cast(:cause as text))
),
added as (
    update stats.day_ledger l set
        hits_after = l.hits_after + r.hits,
        visits_after = l.visits_after + r.visits,
        conversions_after = l.conversions_after + r.conversions
    from running r
    where l.entry_no = r.entry_no
    returning l.entry_no
)
insert into stats.day_ledger (
    bucket_date, grain, client_id, run_id, cause, reason, author, hits_before, hits_after, visits_before, visits_after,
    conversions_before, conversions_after, published
)
select
    cast(:bucket_date as date), t.grain, t.client_id, :run_id, :cause, :reason, :author,
    coalesce(b.hits, 0), coalesce(b.hits, 0) + t.hits, coalesce(b.visits, 0), coalesce(b.visits, 0) + t.visits,
    coalesce(b.conversions, 0), coalesce(b.conversions, 0) + t.conversions, 'delta'
from total t
left join stats.bucket_daily b
    on b.bucket_date = :bucket_date and b.grain = t.grain and b.client_id is not distinct from t.client_id
where not exists (
    select from running r
    join added a on a.entry_no = r.entry_no
    where r.grain = t.grain and r.client_id is not distinct from t.client_id
);

-- name: update_settled_client_days
-- HOW: the clients' parts of the day are as of now: what had settled an hour ago did so since they were published, or then.
-- Grain: client. Inputs: numbers/visits, stats.entry_facts by time of recording; stats.partition_state before it is changed;
-- :bucket_date, :window_start, :window_end; :ids, of the facts that are added, which insert_client_days counts.
with settled as materialized (
    select f.client_id, sum(uuid_hash_extended(f.id, 0)) as ids
    from (
        select v.id, v.client_id, v.created_at
        from (
            {include numbers/visits}
        ) v
        where v.created_at > (
            select s.facts_at - interval '1 hour' from stats.partition_state s where s.bucket_date = :bucket_date
        )
          and v.created_at <= transaction_timestamp() - interval '1 hour'
          and v.accessed_at >= :window_start and v.accessed_at < :window_end
        union all
        select e.id, e.client_id, e.created_at
        from stats.entry_facts e
        where e.created_at > (
            select s.facts_at - interval '1 hour' from stats.partition_state s where s.bucket_date = :bucket_date
        )
          and e.created_at <= transaction_timestamp() - interval '1 hour'
          and e.created_at >= :window_start and e.created_at < :window_end
    ) f
    where f.id <> all (cast(:ids as uuid[]))
    group by f.client_id
)
update stats.client_day p set
    facts_at = transaction_timestamp(),
    settled_fact_ids = p.settled_fact_ids
        + coalesce((select s.ids from settled s where s.client_id is not distinct from p.client_id), 0)
where p.bucket_date = :bucket_date;

-- name: insert_client_days
-- HOW: adds what was added to the clients' parts of the day. Grain: client. Inputs: stage_added; :bucket_date.
insert into stats.client_day as p (
    bucket_date, client_id, facts, folded_facts, excluded_hits, excluded_conversions, fact_ids, settled_fact_ids,
    fingerprint, attribution_fingerprint, facts_at
)
select cast(:bucket_date as date), a.client_id, sum(a.hits + a.conversions), sum(a.folded_facts),
       coalesce(sum(a.hits) filter (where a.excluded), 0), coalesce(sum(a.conversions) filter (where a.excluded), 0),
       sum(a.id_hash), sum(a.settled_id_hash), sum(a.fact_hash), sum(a.attribution_hash), transaction_timestamp()
from stage_added a
group by a.client_id
on conflict (bucket_date, client_id) do update set
    facts = p.facts + excluded.facts,
    folded_facts = p.folded_facts + excluded.folded_facts,
    excluded_hits = p.excluded_hits + excluded.excluded_hits,
    excluded_conversions = p.excluded_conversions + excluded.excluded_conversions,
    fact_ids = p.fact_ids + excluded.fact_ids,
    settled_fact_ids = p.settled_fact_ids + excluded.settled_fact_ids,
    fingerprint = p.fingerprint + excluded.fingerprint,
    attribution_fingerprint = p.attribution_fingerprint + excluded.attribution_fingerprint;

-- name: update_partition_state
-- HOW: records what is known of the day, in the transaction that brought it up to date. It is not stale any more.
-- Grain: one business day. Inputs: stage_added, stage_bucket_changes; :bucket_date, :run_id; of what was added
-- :session_days and when the newest fact was recorded (:watermark).
update stats.partition_state p set
    session_days = p.session_days + :session_days,
    hits = p.hits + n.hits,
    visits = p.visits + n.visits,
    sessionless_hits = p.sessionless_hits + n.sessionless_hits,
    conversions = p.conversions + n.conversions,
    unknown_link_hits = p.unknown_link_hits + n.unknown_link_hits,
    unresolved_link_hits = p.unresolved_link_hits + n.unresolved_link_hits,
    unknown_client_hits = p.unknown_client_hits + n.unknown_client_hits,
    excluded_hits = p.excluded_hits + n.excluded_hits,
    excluded_conversions = p.excluded_conversions + n.excluded_conversions,
    watermark = greatest(p.watermark, cast(:watermark as timestamptz)),
    run_id = :run_id,
    computed_at = clock_timestamp(),
    facts = p.facts + n.facts,
    owned_facts = p.owned_facts + n.owned_facts,
    folded_facts = p.folded_facts + n.folded_facts,
    fact_ids = p.fact_ids + n.fact_ids,
    fingerprint = p.fingerprint + n.fingerprint,
    attribution_fingerprint = p.attribution_fingerprint + n.attribution_fingerprint,
    facts_at = transaction_timestamp(),
    stale_since = null,
    stale_cause = null,
    stale_clients = null,
    due = false,
    histogram_pending = not p.histogram_included or exists (
        select from stats.session_day_change c where c.bucket_date = p.bucket_date
    )
from (
    select
        coalesce(sum(a.hits) filter (where not a.excluded), 0) as hits,
        (select coalesce(sum(c.visits), 0) from stage_bucket_changes c where c.grain = 'platform') as visits,
        coalesce(sum(a.hits) filter (where not a.excluded and a.session_id is null), 0) as sessionless_hits,
        coalesce(sum(a.conversions) filter (where not a.excluded), 0) as conversions,
        coalesce(sum(a.hits) filter (where not a.excluded and a.link_status = 'unknown'), 0) as unknown_link_hits,
        coalesce(sum(a.hits) filter (where not a.excluded and a.link_status = 'unresolved'), 0) as unresolved_link_hits,
        coalesce(sum(a.hits) filter (where not a.excluded and a.client_id is null), 0) as unknown_client_hits,
        coalesce(sum(a.hits) filter (where a.excluded), 0) as excluded_hits,
        coalesce(sum(a.conversions) filter (where a.excluded), 0) as excluded_conversions,
        coalesce(sum(a.hits + a.conversions), 0) as facts,
        coalesce(sum(a.hits + a.conversions) filter (where a.client_id is not null), 0) as owned_facts,
        coalesce(sum(a.folded_facts), 0) as folded_facts,
        coalesce(sum(a.id_hash), 0) as fact_ids,
        coalesce(sum(a.fact_hash), 0) as fingerprint,
        coalesce(sum(a.attribution_hash), 0) as attribution_fingerprint
    from stage_added a
) n
where p.bucket_date = :bucket_date;

-- name: upsert_delta_day
-- HOW: remembers of a day that was published which of its facts were recorded lately: who asks for what was added since then
-- asks for others. Grain: one business day. Inputs: recent_facts; :bucket_date, :since, :window_start, :window_end;
-- :deltas, how many more were published (NULL: it was computed whole).
insert into stats.delta_day as d (bucket_date, whole_at, counted, deltas)
select cast(:bucket_date as date), transaction_timestamp(), array(
           select f.id
           from (
               {include storage/deltas/recent_facts}
           ) f
       ), coalesce(cast(:deltas as bigint), 0)
on conflict (bucket_date) do update set
    whole_at = case when cast(:deltas as bigint) is null then excluded.whole_at else d.whole_at end,
    counted = excluded.counted,
    deltas = case when cast(:deltas as bigint) is null then 0 else d.deltas + excluded.deltas end;

-- name: delete_delta_day
-- HOW: forgets a day that is over and was computed whole since, unless somebody must be told that deltas of it were wrong.
-- Inputs: :bucket_date.
delete from stats.delta_day where bucket_date = :bucket_date and (differing = 0 or told_at is not null);

-- name: update_differing
-- HOW: notes that deltas of a day had published something else than its facts say. Inputs: :bucket_date, :differing (rows).
update stats.delta_day set differing = differing + :differing, told_at = null where bucket_date = :bucket_date;

-- name: select_differing
-- WHAT: the days, of some, of which deltas had published something else than their facts say, and nobody was told.
-- Grain: one business day. Inputs: stats.delta_day; :days.
select bucket_date, differing
from stats.delta_day
where bucket_date = any (cast(:days as date[])) and differing > 0 and told_at is null
order by bucket_date;

-- name: update_told
-- HOW: notes that it was told. Inputs: :days.
update stats.delta_day set told_at = clock_timestamp() where bucket_date = any (cast(:days as date[])) and differing > 0;

-- name: select_differing_session_days
-- WHAT: how many of the day's session-days are stored or staged only. One row.
-- Inputs: stats.session_days, stage_session_days; :bucket_date.
select count(*)
from (
    (
        select s.client_id, s.entity_type, s.entity_id, s.link_id, s.link_status, s.utm_source, s.utm_medium, s.utm_campaign,
               s.session_id, s.hits, s.conversions
        from stats.session_days s
        where s.bucket_date = :bucket_date
        except all
        select n.client_id, n.entity_type, n.entity_id, n.link_id, n.link_status, n.utm_source, n.utm_medium, n.utm_campaign,
               n.session_id, n.hits, n.conversions
        from stage_session_days n
        where not n.excluded
    )
    union all
    (
        select n.client_id, n.entity_type, n.entity_id, n.link_id, n.link_status, n.utm_source, n.utm_medium, n.utm_campaign,
               n.session_id, n.hits, n.conversions
        from stage_session_days n
        where not n.excluded
        except all
        select s.client_id, s.entity_type, s.entity_id, s.link_id, s.link_status, s.utm_source, s.utm_medium, s.utm_campaign,
               s.session_id, s.hits, s.conversions
        from stats.session_days s
        where s.bucket_date = :bucket_date
    )
) differing;

-- name: select_published_hash
-- WHAT: everything that is published of a day beside session-days and daily buckets, as one number: totals, clients' parts,
-- hour buckets; but when, and what of it had settled. One row.
-- Inputs: stats.partition_state, stats.client_day, stats.campaign_hourly; :bucket_date.
select coalesce(sum(hashtextextended(published.record_hash::text, 0)), 0) as published
from (
    select hash_record_extended(row('day'::text, s.session_days, s.hits, s.visits, s.sessionless_hits, s.conversions,
               s.unknown_link_hits, s.unresolved_link_hits, s.unknown_client_hits, s.excluded_hits, s.excluded_conversions,
               s.facts, s.owned_facts, s.folded_facts, s.fact_ids, s.fingerprint, s.attribution_fingerprint), 0) as record_hash
    from stats.partition_state s
    where s.bucket_date = :bucket_date
    union all
    select hash_record_extended(row('client'::text, p.client_id, p.facts, p.folded_facts, p.excluded_hits,
               p.excluded_conversions, p.fact_ids, p.fingerprint, p.attribution_fingerprint), 0)
    from stats.client_day p
    where p.bucket_date = :bucket_date
    union all
    select hash_record_extended(row('hour'::text, timestamptz_send(h.bucket_hour), h.client_id, h.entity_type, h.entity_id,
               h.hits, h.visits, h.sessionless_hits, h.conversions), 0)
    from stats.campaign_hourly h
    where h.bucket_date = :bucket_date
) published;

-- name: select_totals
-- WHAT: the totals of a day as they are stored, named as select_day_totals names them. One row.
-- Inputs: stats.partition_state; :bucket_date.
select session_days, hits, visits, sessionless_hits, conversions, unknown_link_hits, unresolved_link_hits,
       unknown_client_hits, excluded_hits, excluded_conversions, facts, owned_facts, folded_facts, fingerprint,
       attribution_fingerprint, fact_ids, watermark
from stats.partition_state
where bucket_date = :bucket_date;
