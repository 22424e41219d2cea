-- What of a day another engine is given (EVENTFLOW_ENGINE): of each view the columns that the statements it runs read, as
-- text and numbers; no personal column is in any view. Read in the day's own snapshot.

-- name: select_visit_facts
-- Grain: one visit hit. Inputs: stats.visit_facts; :window_start, :window_end. When it was recorded only fingerprints ask,
-- and these stay Postgres' own. Times are UTC.
select v.id, v.campaign_id, v.webinar_id, v.session_id, v.utm_source, v.utm_medium, v.utm_campaign, v.cid, v.link_id,
       timezone('UTC', v.accessed_at) as accessed_at, cast(null as timestamp) as created_at
from stats.visit_facts v
where v.accessed_at >= :window_start and v.accessed_at < :window_end;

-- name: select_entry_facts
-- Grain: one entry. Inputs: stats.entry_facts; :window_start, :window_end. Times are UTC.
select e.id, e.campaign_id, e.client_id, e.utm_source, e.utm_medium, e.utm_campaign, e.cid, e.link_id,
       timezone('UTC', e.created_at) as created_at
from stats.entry_facts e
where e.created_at >= :window_start and e.created_at < :window_end;

-- name: select_campaigns
-- Grain: one campaign. Inputs: stats.campaigns.
select c.id, c.client_id from stats.campaigns c;

-- name: select_webinars
-- Grain: one webinar. Inputs: stats.webinars.
select w.id, w.client_id from stats.webinars w;

-- name: select_links
-- Grain: one link. Inputs: stats.links. Of when it was created only the order counts (A2).
select l.id, l.client_id, l.cid, l.utm_source, l.utm_medium, l.utm_campaign,
       dense_rank() over (order by l.created_at) as created_at
from stats.links l;

-- name: select_exclusion
-- Grain: one excluded campaign (E3). Inputs: stats.exclusion.
select x.campaign_id from stats.exclusion x;

-- name: select_fold_rule
-- Grain: one fold rule in force (A6). Inputs: stats.fold_rule.
select r.rule_no, r.client_id, r.field, r.kind, r.prefix, cast(null as timestamp) as removed_at
from stats.fold_rule r
where r.removed_at is null;

-- name: select_fold_value
-- Grain: one listed value of a fold rule (A6). Inputs: stats.fold_value.
select v.rule_no, v.value from stats.fold_value v;

-- name: create_client_facts_stage
-- HOW: a connection's own scratch table: what the day's facts amount to by Postgres' own count.
create temporary table if not exists stage_client_facts (
    client_id uuid,
    hits bigint not null,
    conversions bigint not null,
    excluded_hits bigint not null,
    excluded_conversions bigint not null,
    folded_facts bigint not null,
    fact_hash numeric not null,
    attribution_hash numeric not null,
    id_hash numeric not null,
    settled_id_hash numeric not null
) on commit delete rows;

-- name: insert_client_facts_stage
-- HOW: each client's part of the day, counted and fingerprinted from the facts of the export's snapshot.
-- Grain: client. Inputs: numbers/folded_facts, which holds the rules; :window_start, :window_end.
insert into stage_client_facts (
    client_id, hits, conversions, excluded_hits, excluded_conversions, folded_facts, fact_hash, attribution_hash, id_hash,
    settled_id_hash
)
select
    client_id, sum(hits), sum(conversions), coalesce(sum(hits) filter (where excluded), 0),
    coalesce(sum(conversions) filter (where excluded), 0), sum(folded), sum(fact_hash), sum(attribution_hash), sum(id_hash),
    coalesce(sum(id_hash) filter (where recorded_at <= transaction_timestamp() - interval '1 hour'), 0)
from (
    {include numbers/folded_facts}
) fact
group by client_id;

-- name: select_differing_clients
-- WHAT: how many clients' parts of the day, as staged, are not what Postgres counts. One row.
-- Inputs: stage_session_days, stage_client_facts.
select count(*)
from (
    select differing.client_id
    from (
        (
            select n.client_id, sum(n.hits), sum(n.conversions), coalesce(sum(n.hits) filter (where n.excluded), 0),
                   coalesce(sum(n.conversions) filter (where n.excluded), 0), sum(n.folded_facts)
            from stage_session_days n
            group by n.client_id
            except
            select f.client_id, f.hits, f.conversions, f.excluded_hits, f.excluded_conversions, f.folded_facts
            from stage_client_facts f
        )
        union all
        (
            select f.client_id, f.hits, f.conversions, f.excluded_hits, f.excluded_conversions, f.folded_facts
            from stage_client_facts f
            except
            select n.client_id, sum(n.hits), sum(n.conversions), coalesce(sum(n.hits) filter (where n.excluded), 0),
                   coalesce(sum(n.conversions) filter (where n.excluded), 0), sum(n.folded_facts)
            from stage_session_days n
            group by n.client_id
        )
    ) differing
    group by differing.client_id
) client;

-- name: update_session_days_stage
-- HOW: puts the fingerprints of a client's part into one of its staged rows: they are only ever summed by client.
-- Inputs: stage_client_facts, stage_session_days. NULL, the unknown client, is told from the nil UUID.
update stage_session_days n
set fact_hash = f.fact_hash, attribution_hash = f.attribution_hash, id_hash = f.id_hash, settled_id_hash = f.settled_id_hash
from (
    select d.client_id, min(d.ctid) as place
    from stage_session_days d
    group by d.client_id
) one
join stage_client_facts f
    on coalesce(f.client_id, '00000000-0000-0000-0000-000000000000') = coalesce(one.client_id, '00000000-0000-0000-0000-000000000000')
    and (f.client_id is null) = (one.client_id is null)
where n.ctid = one.place;

-- name: select_differing_buckets
-- WHAT: at how many grains and clients the staged buckets do not add up to the staged session-days (M1-M3). Of visits, which
-- add up at no finer grain (M2), those of clients and of the platform are compared. One row.
-- Inputs: stage_buckets, stage_session_days, stats.grain.
with session as (
    select client_id, session_id, sum(hits) as hits, sum(conversions) as conversions
    from stage_session_days
    where not excluded
    group by client_id, session_id
),
client as (
    select
        client_id, sum(hits) as hits, count(session_id) as visits,
        coalesce(sum(hits) filter (where session_id is null), 0) as sessionless_hits, sum(conversions) as conversions
    from session
    group by client_id
)
select count(*)
from (
    select counted.grain, counted.client_id
    from (
        select
            b.grain, b.client_id, b.hits, case when b.grain in ('platform', 'client') then b.visits else 0 end as visits,
            b.sessionless_hits, b.conversions
        from stage_buckets b
        union all
        select
            g.name, case when g.by_client then c.client_id end, -c.hits, case when g.name = 'client' then -c.visits else 0 end,
            -c.sessionless_hits, -c.conversions
        from stats.grain g
        cross join client c
        union all
        select 'platform', null, 0, -count(*), 0, 0
        from (select from session where session_id is not null group by session_id) visit
    ) counted
    group by counted.grain, counted.client_id
    having (sum(counted.hits), sum(counted.visits), sum(counted.sessionless_hits), sum(counted.conversions)) <> (0, 0, 0, 0)
) differing;

-- name: select_differing_campaign_hours
-- WHAT: of how many listed members the staged hour buckets do not add up to the staged session-days (M1, M3). One row.
-- Inputs: stage_campaign_hours, stage_session_days; :clients, :campaigns (listed), :held_clients (who are left out).
select count(*)
from (
    select counted.client_id, counted.entity_type, counted.entity_id
    from (
        select h.client_id, h.entity_type, h.entity_id, h.hits, h.sessionless_hits, h.conversions
        from stage_campaign_hours h
        union all
        select
            n.client_id, n.entity_type, n.entity_id, -n.hits, case when n.session_id is null then -n.hits else 0 end,
            -n.conversions
        from stage_session_days n
        where not n.excluded
          and (n.client_id = any (cast(:clients as uuid[])) or n.entity_id = any (cast(:campaigns as uuid[])))
    ) counted
    where array_position(cast(:held_clients as uuid[]), counted.client_id) is null
    group by counted.client_id, counted.entity_type, counted.entity_id
    having (sum(counted.hits), sum(counted.sessionless_hits), sum(counted.conversions)) <> (0, 0, 0)
) differing;

-- name: create_campaign_hours_stage
-- HOW: a connection's own scratch table for the hour buckets (B1) that another engine counted.
create temporary table if not exists stage_campaign_hours (
    bucket_hour timestamptz not null,
    client_id uuid,
    entity_type text not null,
    entity_id uuid,
    hits bigint not null,
    visits bigint not null,
    sessionless_hits bigint not null,
    conversions bigint not null
) on commit delete rows;

-- name: insert_staged_campaign_hours
-- HOW: the day's hour buckets as staged. Grain: one hour bucket. Inputs: stage_campaign_hours; :bucket_date, :held_clients
-- (whose are not touched).
insert into stats.campaign_hourly (
    bucket_date, bucket_hour, client_id, entity_type, entity_id, hits, visits, sessionless_hits, conversions
)
select
    cast(:bucket_date as date), h.bucket_hour, h.client_id, h.entity_type, h.entity_id, h.hits,
    h.visits, h.sessionless_hits, h.conversions
from stage_campaign_hours h
where array_position(cast(:held_clients as uuid[]), h.client_id) is null;
