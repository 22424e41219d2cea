-- WHAT: every fact of some business days with its client, entity, link and UTM: the raw side of all comparisons. Worked
-- out apart from numbers/session_days and never from session-days, so that one cannot hide the other's error.
-- Grain: one fact. Inputs: stats.visit_facts, stats.entry_facts, dimensions; :days and :starts (the days, ascending and
-- without a gap, and their first instants), :window_end (the instant after the last).
-- Rules: T1, T2, E1-E3, A1-A3, A5 (by the pattern itself behind a hint of its own, apart from what makes it cheap where
-- facts are counted), A6. A visit has its session; an entry's session is no visit and is kept for linkage (Q2) only.
with cid_owner as (
    select distinct on (client_id, cid) client_id, cid, id
    from stats.links
    where cid is not null
    order by client_id, cid, created_at, id
),
fact as (
    select v.id, true as is_visit, v.accessed_at as happened_at, v.created_at, v.session_id,
           coalesce(v.campaign_id, v.webinar_id) as entity_id,
           case when v.campaign_id is not null then 'campaign' when v.webinar_id is not null then 'webinar'
                else 'unknown' end as entity_type,
           coalesce(c.client_id, case when v.campaign_id is null then w.client_id end) as client_id,
           null::uuid as campaign_client_id, case when v.campaign_id is not null then c.id else w.id end as entity_row,
           v.link_id as supplied_link, v.cid as supplied_cid,
           v.utm_source as supplied_source, v.utm_medium as supplied_medium, v.utm_campaign as supplied_campaign
    from stats.visit_facts v
    left join stats.campaigns c on c.id = v.campaign_id
    left join stats.webinars w on w.id = v.webinar_id
    where v.accessed_at >= (cast(:starts as timestamptz[]))[1] and v.accessed_at < :window_end
    union all
    select e.id, false, e.created_at, e.created_at, e.session_id,
           e.campaign_id, case when e.campaign_id is not null then 'campaign' else 'unknown' end,
           e.client_id, c.client_id, c.id,
           e.link_id, e.cid, e.utm_source, e.utm_medium, e.utm_campaign
    from stats.entry_facts e
    left join stats.campaigns c on c.id = e.campaign_id
    where e.created_at >= (cast(:starts as timestamptz[]))[1] and e.created_at < :window_end
),
-- A fold rule is asked of each fact by itself, over the values it lists: no set is ever gathered.
fold as materialized (
    select r.rule_no, r.client_id, r.field, r.kind, r.prefix from stats.fold_rule r where r.removed_at is null
),
attributed as (
    select
        f.id, f.is_visit, f.happened_at, f.created_at, f.session_id, f.client_id, f.campaign_client_id,
        f.entity_type, f.entity_id, f.entity_row, f.supplied_cid,
        case when f.supplied_link is not null then f.supplied_link else o.id end as link_id,
        case when l.id is not null then 'resolved'
             when num_nonnulls(f.supplied_link::text, f.supplied_cid) > 0 then 'unresolved'
             else 'unknown' end as link_status,
        case when utm.source collate "C" ~ personal.hint and utm.source ~ personal.pattern then '(redacted)'
             else utm.source end as utm_source,
        case when utm.medium collate "C" ~ personal.hint and utm.medium ~ personal.pattern then '(redacted)'
             else utm.medium end as utm_medium,
        case when utm.campaign collate "C" ~ personal.hint and utm.campaign ~ personal.pattern then '(redacted)'
             else utm.campaign end as utm_campaign,
        tagged.is_so as has_utm
    from fact f
    cross join lateral (
        select num_nonnulls(f.supplied_source, f.supplied_medium, f.supplied_campaign) > 0 as is_so
    ) tagged
    left join cid_owner o on o.client_id = f.client_id and o.cid = f.supplied_cid and f.supplied_link is null
    left join stats.links l on l.client_id = f.client_id and l.id = coalesce(f.supplied_link, o.id)
    cross join lateral (
        select case when tagged.is_so then f.supplied_source else l.utm_source end as source,
               case when tagged.is_so then f.supplied_medium else l.utm_medium end as medium,
               case when tagged.is_so then f.supplied_campaign else l.utm_campaign end as campaign
    ) utm
    cross join (
        select
            '[a-z0-9_.+-](@|%40)[a-z0-9-]{1,63}[.][a-z0-9-]'
            '|(^|[^0-9])01[016789][ .-]?[0-9]{3,4}[ .-]?[0-9]{4}($|[^0-9])'
            '|(^|[^0-9])0[2-6][0-9]?-[0-9]{3,4}-[0-9]{4}($|[^0-9])'
            '|(^|[^0-9a-z])[+][0-9]{1,3}[ .()-]{1,2}[0-9]{1,4}([ .()-]{1,2}[0-9]{2,4}){1,4}($|[^0-9])'
            '|(^|[^0-9a-z])[+][1-9][0-9]{9,14}($|[^0-9])' as pattern,
            -- What every branch of it needs, found in a tenth of the time.
            '[@+]|%40|01[016789]|0[2-6][0-9]?-' as hint
    ) personal
    -- Looked at once, not wherever a field is named.
    limit all offset 0 -- noqa: AM09
),
asked as (
    select
        a.*,
        -- Without a rule in force nothing is looked for.
        case when exists (select from fold) then (
            select array_agg(r.field)
            from fold r
            cross join lateral (
                select case r.field
                    when 'utm_source' then a.utm_source
                    when 'utm_medium' then a.utm_medium
                    when 'utm_campaign' then a.utm_campaign
                    when 'link_id' then case a.link_status when 'unresolved' then a.link_id::text end
                    when 'entity_id' then case when a.entity_row is null then a.entity_id::text end
                end as value
            ) its
            where r.client_id is not distinct from a.client_id
              and its.value is not null
              and case r.kind
                  when 'prefix' then starts_with(its.value, r.prefix)
                  else (r.kind = 'values')
                       = exists (select from stats.fold_value v where v.rule_no = r.rule_no and v.value = its.value)
              end
        ) end as folded_fields
    from attributed a
    limit all offset 0 -- noqa: AM09
)
select
    (cast(:days as date[]))[width_bucket(a.happened_at, cast(:starts as timestamptz[]))] as bucket_date,
    a.id, a.is_visit, a.happened_at, a.created_at, a.session_id, a.client_id, a.campaign_client_id, a.entity_type,
    case when 'entity_id' = any (a.folded_fields) then uuid_nil.id else a.entity_id end as entity_id,
    case when 'link_id' = any (a.folded_fields) then uuid_nil.id else a.link_id end as link_id,
    a.link_status,
    case when 'utm_source' = any (a.folded_fields) then '(folded)' else a.utm_source end as utm_source,
    case when 'utm_medium' = any (a.folded_fields) then '(folded)' else a.utm_medium end as utm_medium,
    case when 'utm_campaign' = any (a.folded_fields) then '(folded)' else a.utm_campaign end as utm_campaign,
    a.has_utm, a.supplied_cid,
    a.entity_type = 'campaign' and exists (
        select from stats.exclusion x where x.campaign_id = a.entity_id
    ) as excluded
from asked a
cross join (values ('00000000-0000-0000-0000-000000000000'::uuid)) as uuid_nil (id)
