-- HOW: prepares counting a day at many grains. A session seen under one attribution only is in one member of every grain,
-- so it is counted here, once, with its attribution. A session seen under several keeps rows of its own: how many
-- members it is in differs from grain to grain; a number stands for it.
-- Grain: attribution (session_no NULL), or attribution and session. Inputs: stage_session_days.
insert into stage_cells (
    client_id, entity_type, entity_id, link_id, link_status, utm_source, utm_medium, utm_campaign, session_no,
    hits, visits, sessionless_hits, conversions
)
select
    n.client_id, n.entity_type, n.entity_id, n.link_id, n.link_status, n.utm_source, n.utm_medium, n.utm_campaign,
    several.session_no,
    sum(n.hits),
    count(n.session_id),
    coalesce(sum(n.hits) filter (where n.session_id is null), 0),
    sum(n.conversions)
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
