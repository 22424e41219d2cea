-- Replacing a business day, in the order of its one transaction: stage, prove, replace, record.

-- name: create_session_days_stage
-- HOW: a connection's own scratch table for the attributed facts of the day it is replacing.
create temporary table if not exists stage_session_days (
    client_id uuid,
    entity_type text not null,
    entity_id uuid,
    link_id uuid,
    link_status text not null,
    utm_source text,
    utm_medium text,
    utm_campaign text,
    session_id text,
    hits integer not null,
    conversions integer not null,
    excluded boolean not null,
    folded_facts integer not null,
    fact_hash numeric not null default 0,
    attribution_hash numeric not null default 0,
    id_hash numeric not null default 0,
    settled_id_hash numeric not null default 0,
    held boolean not null default false
) on commit delete rows;

-- name: create_cells
-- HOW: a connection's own scratch table for the rows from which the buckets of the day it is replacing are counted.
create temporary table if not exists stage_cells (
    client_id uuid,
    entity_type text not null,
    entity_id uuid,
    link_id uuid,
    link_status text not null,
    utm_source text,
    utm_medium text,
    utm_campaign text,
    session_no integer,
    hits integer not null,
    visits integer not null,
    sessionless_hits integer not null,
    conversions integer not null
) on commit delete rows;

-- name: create_buckets_stage
-- HOW: a connection's own scratch table for the buckets of the day it is replacing.
create temporary table if not exists stage_buckets (
    grain text not null,
    client_id uuid,
    entity_type text,
    entity_id uuid,
    link_id uuid,
    link_status text,
    utm_source text,
    utm_medium text,
    utm_campaign text,
    hits bigint not null,
    visits bigint not null,
    sessionless_hits bigint not null,
    conversions bigint not null
) on commit delete rows;

-- name: insert_session_days_stage
-- HOW: the day's attributed facts, kept for the statements of this transaction.
insert into stage_session_days (
    client_id, entity_type, entity_id, link_id, link_status, utm_source, utm_medium, utm_campaign, session_id,
    hits, conversions, excluded, folded_facts, fact_hash, attribution_hash, id_hash, settled_id_hash
)
{include numbers/session_days};

-- name: select_held_differences
-- WHAT: what the clients that are held would count now minus what is published of them (E3), signed.
-- Grain: client. Inputs: stage_session_days before what is published takes its place, stats.session_days; :bucket_date,
-- :held_clients (NULL in it: the unknown one, which array_position finds).
select client_id, sum(hits) as hits, sum(conversions) as conversions
from (
    select n.client_id, n.hits, n.conversions
    from stage_session_days n
    where not n.excluded and array_position(cast(:held_clients as uuid[]), n.client_id) is not null
    union all
    select s.client_id, -s.hits, -s.conversions
    from stats.session_days s
    where s.bucket_date = :bucket_date and array_position(cast(:held_clients as uuid[]), s.client_id) is not null
) counted
group by client_id;

-- name: delete_held_stage
-- HOW: takes what clients that are held would count now out of the stage. Inputs: stage_session_days, :held_clients.
delete from stage_session_days n
where not n.excluded and array_position(cast(:held_clients as uuid[]), n.client_id) is not null;

-- name: update_held_stage
-- HOW: what of clients that are held is excluded counts as excluded now (E3), and is not what they were computed from.
-- Inputs: stage_session_days, :held_clients.
update stage_session_days n set held = true
where n.excluded and array_position(cast(:held_clients as uuid[]), n.client_id) is not null;

-- name: insert_held_stage
-- HOW: puts what is published of clients that are held into the stage: every number of the day is counted from it.
-- Grain: one row of stats.session_days. Inputs: stats.session_days; :bucket_date, :held_clients.
insert into stage_session_days (
    client_id, entity_type, entity_id, link_id, link_status, utm_source, utm_medium, utm_campaign, session_id,
    hits, conversions, excluded, folded_facts, fact_hash, attribution_hash, id_hash, settled_id_hash, held
)
select
    s.client_id, s.entity_type, s.entity_id, s.link_id, s.link_status, s.utm_source, s.utm_medium, s.utm_campaign,
    s.session_id, s.hits, s.conversions, false, 0, 0, 0, 0, 0, true
from stats.session_days s
where s.bucket_date = :bucket_date and array_position(cast(:held_clients as uuid[]), s.client_id) is not null;

-- name: select_day_totals
-- WHAT: totals of one day as staged, what was excluded (E3), and the raw facts they must add up to.
-- Grain: one row. Inputs: stage_session_days, stats.visit_facts, stats.entry_facts, stats.client_day; :bucket_date,
-- :window_start, :window_end, :held_clients (whose published rows were staged; none: empty).
-- Rules: M1-M3, E2, E3, A2, A6; facts, owned_facts, folded_facts and the fingerprints include what is excluded, and are
-- those of what is published of clients that are held; raw_hits, raw_conversions and watermark are of the facts, without any
-- join.
with raw_visits as (
    select count(*) as facts, max(v.created_at) as newest
    from stats.visit_facts v
    where v.accessed_at >= :window_start and v.accessed_at < :window_end
),
raw_entries as (
    select count(*) as facts, max(e.created_at) as newest
    from stats.entry_facts e
    where e.created_at >= :window_start and e.created_at < :window_end
),
held as (
    select
        coalesce(sum(p.facts), 0) as facts,
        coalesce(sum(p.facts) filter (where p.client_id is not null), 0) as owned_facts,
        coalesce(sum(p.folded_facts), 0) as folded_facts,
        coalesce(sum(p.fingerprint), 0) as fingerprint,
        coalesce(sum(p.attribution_fingerprint), 0) as attribution_fingerprint,
        coalesce(sum(p.fact_ids), 0) as fact_ids
    from stats.client_day p
    where p.bucket_date = :bucket_date and array_position(cast(:held_clients as uuid[]), p.client_id) is not null
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
    coalesce(sum(n.hits + n.conversions) filter (where not n.held), 0) + (select h.facts from held h) as facts,
    coalesce(sum(n.hits + n.conversions) filter (where n.client_id is not null and not n.held), 0)
        + (select h.owned_facts from held h) as owned_facts,
    coalesce(sum(n.folded_facts) filter (where not n.held), 0) + (select h.folded_facts from held h) as folded_facts,
    coalesce(sum(n.fact_hash) filter (where not n.held), 0) + (select h.fingerprint from held h) as fingerprint,
    coalesce(sum(n.attribution_hash) filter (where not n.held), 0)
        + (select h.attribution_fingerprint from held h) as attribution_fingerprint,
    coalesce(sum(n.id_hash) filter (where not n.held), 0) + (select h.fact_ids from held h) as fact_ids,
    (select raw.facts from raw_visits raw) as raw_hits,
    (select raw.facts from raw_entries raw) as raw_conversions,
    greatest((select raw.newest from raw_visits raw), (select raw.newest from raw_entries raw)) as watermark
from stage_session_days n;

-- name: select_stored_input
-- WHAT: what a day's stored buckets were computed from, when (NULL: never), and what it is marked with; no row when
-- nothing is known of it. Input: :bucket_date.
select facts, owned_facts, excluded_hits + excluded_conversions as excluded_facts, folded_facts, fingerprint,
       attribution_fingerprint, definition, computed_at, stale_cause, held_reason, held_clients, losing_clients,
       losing_reasons
from stats.partition_state
where bucket_date = :bucket_date;

-- name: select_histogram_included
-- WHAT: do the return histograms include the day? No row when the day was never computed.
select histogram_included from stats.partition_state where bucket_date = :bucket_date;

-- name: insert_session_day_changes
-- HOW: notes which sessions appeared on (+1) or vanished from (-1) a day that the return histograms already include.
-- Grain: attribution and session. Inputs: stage_session_days, stats.session_days before it is changed, :bucket_date.
-- Rule: M6. Run before the day's rows are replaced.
insert into stats.session_day_change (
    bucket_date, client_id, entity_type, entity_id, link_id, link_status, utm_source, utm_medium, utm_campaign,
    session_id, change
)
select cast(:bucket_date as date), appeared.*, 1
from (
    select n.client_id, n.entity_type, n.entity_id, n.link_id, n.link_status, n.utm_source, n.utm_medium,
           n.utm_campaign, n.session_id
    from stage_session_days n
    where n.session_id is not null and not n.excluded
    except
    select s.client_id, s.entity_type, s.entity_id, s.link_id, s.link_status, s.utm_source, s.utm_medium,
           s.utm_campaign, s.session_id
    from stats.session_days s
    where s.session_id is not null and s.bucket_date = :bucket_date
) appeared
union all
select cast(:bucket_date as date), vanished.*, -1
from (
    select s.client_id, s.entity_type, s.entity_id, s.link_id, s.link_status, s.utm_source, s.utm_medium,
           s.utm_campaign, s.session_id
    from stats.session_days s
    where s.session_id is not null and s.bucket_date = :bucket_date
    except
    select n.client_id, n.entity_type, n.entity_id, n.link_id, n.link_status, n.utm_source, n.utm_medium,
           n.utm_campaign, n.session_id
    from stage_session_days n
    where n.session_id is not null and not n.excluded
) vanished;

-- name: delete_all_session_days
-- HOW: removes all of a day's session-day rows, so that the day is written anew. Inputs: :bucket_date.
delete from stats.session_days where bucket_date = :bucket_date;

-- name: select_any_session_days
-- WHAT: does the day have session-day rows? One row.
select exists (select from stats.session_days where bucket_date = :bucket_date);

-- name: delete_missing_session_days
-- HOW: removes the day's session-day rows that the facts no longer give. Whole rows are compared: NULL equals NULL.
-- Grain: one row of stats.session_days. Inputs: stage_session_days, :bucket_date.
delete from stats.session_days s
where s.bucket_date = :bucket_date
  and not exists (
    select from stage_session_days n
    where not n.excluded
      and s = row(cast(:bucket_date as date), n.client_id, n.entity_type, n.entity_id, n.link_id, n.link_status,
                  n.utm_source, n.utm_medium, n.utm_campaign, n.session_id, n.hits, n.conversions)::stats.session_days
  );

-- name: insert_new_session_days
-- HOW: adds the day's session-day rows that are not there yet; what is unchanged is not written again.
-- Grain: one row of stats.session_days. Inputs: stage_session_days, :bucket_date.
-- In order of the session index, which then grows page by page instead of everywhere at once.
insert into stats.session_days (
    bucket_date, client_id, entity_type, entity_id, link_id, link_status, utm_source, utm_medium, utm_campaign,
    session_id, hits, conversions
)
select
    cast(:bucket_date as date), n.client_id, n.entity_type, n.entity_id, n.link_id, n.link_status, n.utm_source,
    n.utm_medium, n.utm_campaign, n.session_id, n.hits, n.conversions
from stage_session_days n
where not n.excluded
  and not exists (
    select from stats.session_days s
    where s.bucket_date = :bucket_date
      and s = row(cast(:bucket_date as date), n.client_id, n.entity_type, n.entity_id, n.link_id, n.link_status,
                  n.utm_source, n.utm_medium, n.utm_campaign, n.session_id, n.hits, n.conversions)::stats.session_days
  )
order by stats.session_key(n.session_id);

-- name: insert_all_session_days
-- HOW: adds all of the day's session-day rows, where the day has none yet: nothing to compare with.
-- Grain: one row of stats.session_days. Inputs: stage_session_days, :bucket_date.
-- In order of the session index, which then grows page by page instead of everywhere at once.
insert into stats.session_days (
    bucket_date, client_id, entity_type, entity_id, link_id, link_status, utm_source, utm_medium, utm_campaign,
    session_id, hits, conversions
)
select
    cast(:bucket_date as date), n.client_id, n.entity_type, n.entity_id, n.link_id, n.link_status, n.utm_source,
    n.utm_medium, n.utm_campaign, n.session_id, n.hits, n.conversions
from stage_session_days n
where not n.excluded
order by stats.session_key(n.session_id);

-- name: insert_cells
-- HOW: the cells that the day's buckets are counted from, kept for the statements of this transaction.
insert into stage_cells (
    client_id, entity_type, entity_id, link_id, link_status, utm_source, utm_medium, utm_campaign, session_no,
    hits, visits, sessionless_hits, conversions
)
{include numbers/cells};

-- name: insert_buckets_stage
-- HOW: the day's buckets at one grain, kept for the statements of this transaction.
insert into stage_buckets (
    grain, client_id, entity_type, entity_id, link_id, link_status, utm_source, utm_medium, utm_campaign,
    hits, visits, sessionless_hits, conversions
)
{include numbers/buckets};

-- name: insert_replacement
-- HOW: appends to the ledger what a replacement changes: one row for the platform, one for each client whose totals
-- change. Run after the buckets are staged and before the stored ones are replaced.
-- Grain: grain and client. Inputs: stage_buckets, stats.bucket_daily, :bucket_date, :run_id, :cause, :reason, :author.
insert into stats.day_ledger (
    bucket_date, grain, client_id, run_id, cause, reason, author, hits_before, hits_after, visits_before, visits_after,
    conversions_before, conversions_after, published
)
select
    cast(:bucket_date as date), grain, client_id, :run_id, :cause, :reason, :author,
    sum(hits_before), sum(hits_after), sum(visits_before), sum(visits_after), sum(conversions_before),
    sum(conversions_after), 'whole'
from (
    select 'platform' as grain, cast(null as uuid) as client_id, 0 as hits_before, 0 as hits_after, 0 as visits_before,
           0 as visits_after, 0 as conversions_before, 0 as conversions_after
    union all
    select b.grain, b.client_id, b.hits, 0, b.visits, 0, b.conversions, 0
    from stats.bucket_daily b
    where b.grain in ('platform', 'client') and b.bucket_date = :bucket_date
    union all
    select n.grain, n.client_id, 0, n.hits, 0, n.visits, 0, n.conversions
    from stage_buckets n
    where n.grain in ('platform', 'client')
) total
group by grain, client_id
having grain = 'platform'
    or (sum(hits_before), sum(visits_before), sum(conversions_before))
       <> (sum(hits_after), sum(visits_after), sum(conversions_after));

-- name: select_differing_buckets
-- WHAT: how many of the day's buckets are stored or staged only. One row. Inputs: stats.bucket_daily, stage_buckets;
-- :bucket_date.
select count(*)
from (
    (
        select
            b.grain, b.client_id, cast(b.entity_type as text), b.entity_id, b.link_id, cast(b.link_status as text), b.utm_source,
            b.utm_medium, b.utm_campaign, b.hits, b.visits, b.sessionless_hits, b.conversions
        from stats.bucket_daily b
        where b.bucket_date = :bucket_date
        except all
        select
            n.grain, n.client_id, n.entity_type, n.entity_id, n.link_id, n.link_status, n.utm_source, n.utm_medium, n.utm_campaign,
            n.hits, n.visits, n.sessionless_hits, n.conversions
        from stage_buckets n
    )
    union all
    (
        select
            n.grain, n.client_id, n.entity_type, n.entity_id, n.link_id, n.link_status, n.utm_source, n.utm_medium, n.utm_campaign,
            n.hits, n.visits, n.sessionless_hits, n.conversions
        from stage_buckets n
        except all
        select
            b.grain, b.client_id, cast(b.entity_type as text), b.entity_id, b.link_id, cast(b.link_status as text), b.utm_source,
            b.utm_medium, b.utm_campaign, b.hits, b.visits, b.sessionless_hits, b.conversions
        from stats.bucket_daily b
        where b.bucket_date = :bucket_date
    )
) differing;

-- name: delete_all_buckets
-- HOW: removes all of a day's buckets, so that the day is written anew. Inputs: :bucket_date.
delete from stats.bucket_daily where bucket_date = :bucket_date;

-- name: select_any_buckets
-- WHAT: does the day have buckets? One row.
select exists (select from stats.bucket_daily where bucket_date = :bucket_date);

-- name: delete_missing_buckets
-- HOW: removes the day's buckets that are gone or have other measures. Whole rows are compared: NULL equals NULL.
-- Grain: one bucket. Inputs: stage_buckets, :bucket_date.
delete from stats.bucket_daily b
where b.bucket_date = :bucket_date
  and not exists (
    select from stage_buckets n
    where b = row(n.grain, cast(:bucket_date as date), n.client_id, n.entity_type, n.entity_id, n.link_id,
                  n.link_status, n.utm_source, n.utm_medium, n.utm_campaign, n.hits, n.visits, n.sessionless_hits,
                  n.conversions)::stats.bucket_daily
  );

-- name: insert_new_buckets
-- HOW: adds the day's buckets that are new or changed; what is unchanged is not written again.
-- Grain: one bucket. Inputs: stage_buckets, :bucket_date.
insert into stats.bucket_daily (
    grain, bucket_date, client_id, entity_type, entity_id, link_id, link_status, utm_source, utm_medium, utm_campaign,
    hits, visits, sessionless_hits, conversions
)
select
    n.grain, cast(:bucket_date as date), n.client_id, n.entity_type, n.entity_id, n.link_id, n.link_status,
    n.utm_source, n.utm_medium, n.utm_campaign, n.hits, n.visits, n.sessionless_hits, n.conversions
from stage_buckets n
where not exists (
    select from stats.bucket_daily b
    where b.bucket_date = :bucket_date
      and b = row(n.grain, cast(:bucket_date as date), n.client_id, n.entity_type, n.entity_id, n.link_id,
                  n.link_status, n.utm_source, n.utm_medium, n.utm_campaign, n.hits, n.visits, n.sessionless_hits,
                  n.conversions)::stats.bucket_daily
);

-- name: insert_all_buckets
-- HOW: adds all of the day's buckets, where the day has none yet: nothing to compare with.
-- Grain: one bucket. Inputs: stage_buckets, :bucket_date.
insert into stats.bucket_daily (
    grain, bucket_date, client_id, entity_type, entity_id, link_id, link_status, utm_source, utm_medium, utm_campaign,
    hits, visits, sessionless_hits, conversions
)
select
    n.grain, cast(:bucket_date as date), n.client_id, n.entity_type, n.entity_id, n.link_id, n.link_status,
    n.utm_source, n.utm_medium, n.utm_campaign, n.hits, n.visits, n.sessionless_hits, n.conversions
from stage_buckets n;

-- name: select_bucket_counts
-- WHAT: how many buckets each grain has on a day (for the partition's row count in Dagster).
-- Grain: one row per grain. Inputs: stage_buckets.
select g.name as grain, count(n.grain) as buckets
from stats.grain g
left join stage_buckets n on n.grain = g.name
group by g.name;

-- name: delete_campaign_hours
-- HOW: removes the day's hour buckets, also those of clients and campaigns no longer listed, but what is published of
-- clients that are held. Grain: one hour bucket. Inputs: :bucket_date, :held_clients; :clients, :campaigns (listed).
delete from stats.campaign_hourly h
where h.bucket_date = :bucket_date
  and not (
      array_position(cast(:held_clients as uuid[]), h.client_id) is not null
      and coalesce(h.client_id = any (cast(:clients as uuid[])) or h.entity_id = any (cast(:campaigns as uuid[])), false)
  );

-- name: insert_campaign_hours
-- HOW: the day's hour buckets, after delete_campaign_hours in the same transaction.
-- Grain: one hour bucket. Inputs: :bucket_date, :held_clients (whose are not touched) and those of numbers/campaign_hours.
insert into stats.campaign_hourly (
    bucket_date, bucket_hour, client_id, entity_type, entity_id, hits, visits, sessionless_hits, conversions
)
select
    cast(:bucket_date as date), h.bucket_hour, h.client_id, h.entity_type, h.entity_id, h.hits, h.visits,
    h.sessionless_hits, h.conversions
from (
    {include numbers/campaign_hours}
) h
where array_position(cast(:held_clients as uuid[]), h.client_id) is null;

-- name: select_campaign_hour_count
-- WHAT: how many hour buckets the day has. Input: :bucket_date.
select count(*) from stats.campaign_hourly where bucket_date = :bucket_date;

-- name: delete_client_days
-- HOW: forgets what the clients' parts of the day were computed from, but of clients that are held.
-- Inputs: :bucket_date, :held_clients.
delete from stats.client_day p
where p.bucket_date = :bucket_date and array_position(cast(:held_clients as uuid[]), p.client_id) is null;

-- name: insert_client_days
-- HOW: what each client's part of the day is computed from, excluded facts included.
-- Grain: client. Inputs: stage_session_days, :bucket_date.
insert into stats.client_day (
    bucket_date, client_id, facts, folded_facts, excluded_hits, excluded_conversions, fact_ids, settled_fact_ids,
    fingerprint, attribution_fingerprint, facts_at
)
select cast(:bucket_date as date), n.client_id, sum(n.hits + n.conversions), sum(n.folded_facts),
       coalesce(sum(n.hits) filter (where n.excluded), 0), coalesce(sum(n.conversions) filter (where n.excluded), 0),
       sum(n.id_hash), sum(n.settled_id_hash), sum(n.fact_hash), sum(n.attribution_hash), transaction_timestamp()
from stage_session_days n
where not n.held
group by n.client_id;

-- name: insert_held_client_days
-- HOW: a client that is held and has nothing published on the day has nothing as of the day's last computation, or of its
-- first instant. Grain: client. Inputs: stats.partition_state before it is changed; :bucket_date, :window_start, :held_clients.
insert into stats.client_day (
    bucket_date, client_id, facts, folded_facts, excluded_hits, excluded_conversions, fact_ids, settled_fact_ids,
    fingerprint, attribution_fingerprint, facts_at
)
select cast(:bucket_date as date), c.client_id, 0, 0, 0, 0, 0, 0, 0, 0,
       coalesce((select s.facts_at from stats.partition_state s where s.bucket_date = :bucket_date), :window_start)
from unnest(cast(:held_clients as uuid[])) as c (client_id)
on conflict do nothing;

-- name: update_held_client_days
-- HOW: of clients that are held what is excluded is what is now. What is published of them was not computed under the
-- definition that is in force, where that changed: it differs from whatever is computed now.
-- Inputs: stage_session_days, stats.partition_state; :bucket_date, :held_clients, :definition.
update stats.client_day p set
    excluded_hits = n.hits,
    excluded_conversions = n.conversions,
    attribution_fingerprint = case when exists (
        select from stats.partition_state s
        where s.bucket_date = :bucket_date and s.definition <> cast(:definition as text)
    ) then null else p.attribution_fingerprint end
from (
    select c.client_id, coalesce(sum(n.hits), 0) as hits, coalesce(sum(n.conversions), 0) as conversions
    from unnest(cast(:held_clients as uuid[])) as c (client_id)
    left join stage_session_days n on n.held and n.excluded and n.client_id is not distinct from c.client_id
    group by c.client_id
) n
where p.bucket_date = :bucket_date and p.client_id is not distinct from n.client_id;

-- name: upsert_partition_state
-- HOW: records what is known of the day, in the transaction that replaced it.
-- Grain: one row per business day. Inputs: the day's totals as parameters; :stale_cause, :stale_clients, :held_reason,
-- :held_clients, :losing_clients and :losing_reasons, NULL unless somebody's part is held, or counted while rows are missing that other
-- days are held for. Times of marks that are there already stay.
insert into stats.partition_state as p (
    bucket_date, window_start, window_end, definition_version, grains, session_days,
    hits, visits, sessionless_hits, conversions, unknown_link_hits, unresolved_link_hits, unknown_client_hits,
    excluded_hits, excluded_conversions, watermark, run_id, computed_at, histogram_pending,
    facts, owned_facts, folded_facts, fact_ids, fingerprint, attribution_fingerprint, definition, facts_at,
    stale_since, stale_cause, stale_clients, due, held_since, held_reason, held_clients, losing_clients, losing_reasons
)
values (
    :bucket_date, :window_start, :window_end, :definition_version,
    (select array_agg(name order by position) from stats.grain), :session_days,
    :hits, :visits, :sessionless_hits, :conversions, :unknown_link_hits, :unresolved_link_hits, :unknown_client_hits,
    :excluded_hits, :excluded_conversions, :watermark, :run_id, clock_timestamp(), true,
    :facts, :owned_facts, :folded_facts, :fact_ids, :fingerprint, :attribution_fingerprint, :definition, transaction_timestamp(),
    case when cast(:held_reason as text) is not null then transaction_timestamp() end, cast(:stale_cause as text),
    cast(:stale_clients as uuid[]), false,
    case when cast(:held_reason as text) is not null then transaction_timestamp() end, cast(:held_reason as text),
    cast(:held_clients as uuid[]), cast(:losing_clients as uuid[]), cast(:losing_reasons as text[])
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
    folded_facts = excluded.folded_facts,
    fact_ids = excluded.fact_ids,
    fingerprint = excluded.fingerprint,
    attribution_fingerprint = excluded.attribution_fingerprint,
    definition = excluded.definition,
    facts_at = excluded.facts_at,
    stale_since = case when excluded.stale_since is not null then coalesce(p.stale_since, excluded.stale_since) end,
    stale_cause = excluded.stale_cause,
    stale_clients = excluded.stale_clients,
    due = excluded.due,
    held_since = case when excluded.held_since is not null then coalesce(p.held_since, excluded.held_since) end,
    held_reason = excluded.held_reason,
    held_clients = excluded.held_clients,
    losing_clients = excluded.losing_clients,
    losing_reasons = excluded.losing_reasons,
    -- A day whose sessions did not change needs no histogram step.
    histogram_pending = not p.histogram_included or exists (
        select from stats.session_day_change c where c.bucket_date = excluded.bucket_date
    );

-- name: select_computed_days
-- WHAT: days of a range that are computed, and when.
-- Grain: one row per day. Inputs: :first_day, :last_day.
select bucket_date, computed_at
from stats.partition_state
where bucket_date between :first_day and :last_day and computed_at is not null
order by bucket_date;
