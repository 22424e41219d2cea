-- `eventflow explain`: why a number is what it is.

-- name: select_clients
-- WHAT: clients by id or by name. Grain: one row per client. Inputs: :wanted (text).
select id, name
from stats.clients
where id::text = lower(:wanted) or stats.normalize_name(name) = stats.normalize_name(:wanted)
order by id;

-- name: select_day_state
-- WHAT: what is known of a day; held_reason: what the client would lose, else what the day is held for. Grain: at most
-- one row. Inputs: stats.partition_state, stats.kept_day; :bucket_date, :client_id (NULL: unknown).
select s.computed_at, s.watermark, s.run_id, s.stale_since, s.stale_cause, s.held_since,
       coalesce(s.losing_reasons[array_position(s.losing_clients, cast(:client_id as uuid))], s.held_reason) as held_reason,
       k.accepted_at as kept_since, k.reason as kept_reason, k.author as kept_by
from stats.partition_state s
left join stats.kept_day k on k.bucket_date = s.bucket_date
where s.bucket_date = :bucket_date;

-- name: select_published
-- WHAT: the published bucket of one client, or of one campaign or webinar of it, on one day.
-- Grain: at most one row. Inputs: :bucket_date, :client_id (NULL: unknown), :entity_id (NULL: the client's bucket).
select sum(b.hits)::bigint as hits, sum(b.visits)::bigint as visits,
       sum(b.sessionless_hits)::bigint as sessionless_hits, sum(b.conversions)::bigint as conversions
from stats.bucket_daily b
where b.bucket_date = :bucket_date and b.client_id is not distinct from cast(:client_id as uuid)
  and b.grain = case when cast(:entity_id as uuid) is null then 'client' else 'campaign' end
  and (cast(:entity_id as uuid) is null or b.entity_id = cast(:entity_id as uuid))
having count(*) > 0;

-- name: select_ledger
-- WHAT: what changed a day's numbers of a client, newest last.
-- Grain: one row per replacement of the day that changed the client. Inputs: :bucket_date, :client_id (NULL: unknown).
select replaced_at, cause, reason, author, run_id, hits_before, hits_after, visits_before, visits_after,
       conversions_before, conversions_after
from stats.day_ledger
where grain = 'client' and bucket_date = :bucket_date and client_id is not distinct from cast(:client_id as uuid)
order by replaced_at;

-- name: select_attribution
-- WHAT: by which rule the facts of one client and day got their link and their UTM.
-- Grain: one row per kind of fact, link rule and UTM rule. Inputs: :window_start, :window_end, :client_id, :entity_id.
-- Rules: A1-A3, E2; excluded facts (E3) are left out.
with fact as (
    select 'visit' as fact, v.entity_id, v.client_id, v.link_id, v.cid,
           coalesce(v.utm_source, v.utm_medium, v.utm_campaign) is not null as tagged
    from (
        {include numbers/visits}
    ) v
    where v.accessed_at >= :window_start and v.accessed_at < :window_end
    union all
    select 'entry', e.campaign_id, e.client_id, e.link_id, e.cid,
           coalesce(e.utm_source, e.utm_medium, e.utm_campaign) is not null
    from stats.entry_facts e
    where e.created_at >= :window_start and e.created_at < :window_end
),
resolved as (
    select f.*, found.id is not null as found,
           coalesce(found.utm_source, found.utm_medium, found.utm_campaign) is not null as link_is_tagged
    from fact f
    left join lateral (
        select l.id, l.utm_source, l.utm_medium, l.utm_campaign
        from stats.links l
        where l.client_id = f.client_id
          and case when f.link_id is not null then l.id = f.link_id else l.cid = f.cid end
        order by l.created_at, l.id
        limit 1
    ) found on true
    where f.client_id is not distinct from cast(:client_id as uuid)
      and (cast(:entity_id as uuid) is null or f.entity_id = cast(:entity_id as uuid))
      and not exists (select from stats.exclusion x where x.campaign_id = f.entity_id)
)
select fact,
       case when link_id is not null then case when found then 'link id' else 'link id without a link' end
            when cid is not null then case when found then 'cid' else 'cid without a link' end
            else 'nothing supplied' end as link,
       case when tagged then 'its own' when found and link_is_tagged then 'the link''s' else 'none' end as utm,
       count(*) as facts
from resolved
group by 1, 2, 3
order by 1 desc, facts desc;

-- name: select_members
-- WHAT: one client's facts of one day counted anew, in total and by every member, excluded ones beside them.
-- Grain: one row per level (total, entity, link, utm) and member. Inputs: :window_start, :window_end (instants),
-- :client_id (NULL: the unknown client), :entity_id (NULL: all). Rules: those of numbers/session_days.
select
    case grouping(f.entity_type, f.link_status, f.utm_source)
        when 7 then 'total' when 3 then 'entity' when 5 then 'link' else 'utm' end as level,
    f.excluded, f.entity_type, f.entity_id, f.link_id, f.link_status, f.utm_source, f.utm_medium, f.utm_campaign,
    sum(f.hits)::bigint as hits,
    count(distinct f.session_id) as visits,
    coalesce(sum(f.hits) filter (where f.session_id is null), 0)::bigint as sessionless_hits,
    sum(f.conversions)::bigint as conversions,
    sum(f.folded_facts)::bigint as folded_facts
from (
    {include numbers/session_days}
) f
where f.client_id is not distinct from cast(:client_id as uuid)
  and (cast(:entity_id as uuid) is null or f.entity_id = cast(:entity_id as uuid))
group by grouping sets (
    (f.excluded),
    (f.excluded, f.entity_type, f.entity_id),
    (f.excluded, f.link_id, f.link_status),
    (f.excluded, f.utm_source, f.utm_medium, f.utm_campaign)
)
order by 1, hits desc, conversions desc;

-- name: select_exclusions
-- WHAT: why campaigns are excluded (E3). Grain: one row per campaign. Inputs: :campaigns (uuid array).
select campaign_id, reason, author, created_at from stats.exclusion where campaign_id = any (cast(:campaigns as uuid[]));
