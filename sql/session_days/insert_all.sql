-- HOW: adds all of the day's bridge rows, where the day has none yet: nothing to compare with.
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
order by stats.session_key(n.session_id)
