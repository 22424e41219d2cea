-- WHAT: by which rule the facts of one client and day got their link and their UTM.
-- Grain: one row per kind of fact, link rule and UTM rule. Inputs: :window_start, :window_end, :client_id, :entity_id.
-- Rules: A1-A3, E2; excluded facts (E3) are left out.
with fact as (
    select 'visit' as fact, coalesce(v.campaign_id, v.webinar_id) as entity_id,
           case when v.campaign_id is not null then c.client_id else w.client_id end as client_id,
           v.link_id, v.cid, coalesce(v.utm_source, v.utm_medium, v.utm_campaign) is not null as tagged
    from stats.visit_facts v
    left join stats.campaigns c on c.id = v.campaign_id
    left join stats.webinars w on w.id = v.webinar_id
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
order by 1 desc, facts desc
