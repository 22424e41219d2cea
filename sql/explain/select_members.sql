-- WHAT: one client's facts of one day counted anew, in total and by every member, excluded ones beside them.
-- Grain: one row per level (total, entity, link, utm) and member. Inputs: :window_start, :window_end (instants),
-- :client_id (NULL: the unknown client), :entity_id (NULL: all). Rules: those of session_days/select_session_days.
select
    case grouping(f.entity_type, f.link_status, f.utm_source)
        when 7 then 'total' when 3 then 'entity' when 5 then 'link' else 'utm' end as level,
    f.excluded, f.entity_type, f.entity_id, f.link_id, f.link_status, f.utm_source, f.utm_medium, f.utm_campaign,
    sum(f.hits)::bigint as hits,
    count(distinct f.session_id) as visits,
    coalesce(sum(f.hits) filter (where f.session_id is null), 0)::bigint as sessionless_hits,
    sum(f.conversions)::bigint as conversions
from (
    {include session_days/select_session_days}
) f
where f.client_id is not distinct from cast(:client_id as uuid)
  and (cast(:entity_id as uuid) is null or f.entity_id = cast(:entity_id as uuid))
group by grouping sets (
    (f.excluded),
    (f.excluded, f.entity_type, f.entity_id),
    (f.excluded, f.link_id, f.link_status),
    (f.excluded, f.utm_source, f.utm_medium, f.utm_campaign)
)
order by 1, hits desc, conversions desc
