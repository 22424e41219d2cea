-- WHAT: the facts of a window, each attributed, with a hash of what it is.
-- Grain: one visit hit or one entry. Inputs: numbers/visits, stats.entry_facts, dimensions, stats.exclusion;
-- :window_start, :window_end (instants, half-open, T1).
-- Rules: T2 event times, E1 entity, E2 client, E3 exclusion, A1-A3 link and UTM, the same for visits and entries.
-- Everybody reads it through numbers/folded_facts, but who asks for clients alone. fact_record_hash covers every column of
-- the fact that is read here, its id too. A hash of a record is NULL-safe and knows its columns by position. A fact's
-- created_at (ingest time) and entry_id are not in it: no number of the day depends on them. recorded_at (of an entry the
-- time it is dated: it has no other) tells which facts were there when.
with fact as (
    select
        v.id, v.accessed_at as occurred_at, v.created_at as recorded_at, v.entity_type, v.entity_id, v.entity_row_is_missing,
        v.client_id,
        cast(null as uuid) as own_client_id,
        v.link_id, v.cid, v.utm_source, v.utm_medium, v.utm_campaign,
        v.session_id, 1 as hits, 0 as conversions
    from (
        {include numbers/visits}
    ) v
    where v.accessed_at >= :window_start and v.accessed_at < :window_end
    union all
    select
        e.id, e.created_at, e.created_at,
        case when e.campaign_id is not null then 'campaign' else 'unknown' end,
        e.campaign_id,
        e.campaign_id is not null and c.id is null,
        e.client_id,
        e.client_id,
        e.link_id, e.cid, e.utm_source, e.utm_medium, e.utm_campaign,
        null, 0, 1
    from stats.entry_facts e
    left join stats.campaigns c on c.id = e.campaign_id
    where e.created_at >= :window_start and e.created_at < :window_end
),
cid_link as (
    -- A cid is unique within its client as written; should two become equal once normalized, the older link counts.
    select l.*
    from (
        select l.*, row_number() over (partition by l.client_id, l.cid order by l.created_at, l.id) as age
        from stats.links l
        where l.cid is not null
    ) l
    where l.age = 1
)
select
    f.id, f.occurred_at, f.recorded_at, f.client_id, f.entity_type, f.entity_id, f.entity_row_is_missing,
    coalesce(f.link_id, by_cid.id) as link_id,
    case when by_id.id is not null or by_cid.id is not null then 'resolved'
         when f.link_id is not null or f.cid is not null then 'unresolved'
         else 'unknown' end as link_status,
    case when untagged.is_so then coalesce(by_id.utm_source, by_cid.utm_source) else f.utm_source end as utm_source,
    case when untagged.is_so then coalesce(by_id.utm_medium, by_cid.utm_medium) else f.utm_medium end as utm_medium,
    case when untagged.is_so then coalesce(by_id.utm_campaign, by_cid.utm_campaign) else f.utm_campaign end as utm_campaign,
    f.session_id, f.hits, f.conversions,
    x.campaign_id is not null as excluded,
    hash_record_extended(
        row(f.hits, f.id, timestamptz_send(f.occurred_at), f.entity_type, f.entity_id, f.own_client_id, f.session_id,
            f.link_id, f.cid, f.utm_source, f.utm_medium, f.utm_campaign), 0
    ) as fact_record_hash
from fact f
cross join lateral (
    select f.utm_source is null and f.utm_medium is null and f.utm_campaign is null as is_so
) untagged
-- A supplied link id decides alone (A2): the cid is looked at only without one.
left join stats.links by_id on by_id.id = f.link_id and by_id.client_id = f.client_id
left join cid_link by_cid on f.link_id is null and by_cid.cid = f.cid and by_cid.client_id = f.client_id
left join stats.exclusion x on x.campaign_id = f.entity_id and f.entity_type = 'campaign'
