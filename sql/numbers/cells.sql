-- WHAT: a day's session-days, prepared for being counted at many grains (M2). A session seen under one attribution only is
-- in one member of every grain, so it is counted here, once, with its attribution. A session seen under several keeps rows
-- of its own: how many members it is in differs from grain to grain; a number stands for it.
-- Grain: attribution (session_no NULL), or attribution and session. Inputs: stage_session_days.
select
    n.client_id, n.entity_type, n.entity_id, n.link_id, n.link_status, n.utm_source, n.utm_medium, n.utm_campaign,
    several.session_no,
    sum(n.hits) as hits,
    count(n.session_id) as visits,
    coalesce(sum(n.hits) filter (where n.session_id is null), 0) as sessionless_hits,
    sum(n.conversions) as conversions
from stage_session_days n
left join (
    select session_id, row_number() over () as session_no
    from stage_session_days
    where session_id is not null and not excluded
    group by session_id
    having count(*) > 1
) several on several.session_id = n.session_id
where not n.excluded
group by
    n.client_id, n.entity_type, n.entity_id, n.link_id, n.link_status, n.utm_source, n.utm_medium, n.utm_campaign,
    several.session_no
