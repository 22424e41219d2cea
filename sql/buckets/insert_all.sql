-- HOW: adds all of the day's buckets, where the day has none yet: nothing to compare with.
-- Grain: one bucket. Inputs: stage_buckets, :bucket_date.
insert into stats.bucket_daily (
    grain, bucket_date, client_id, entity_type, entity_id, link_id, link_status, utm_source, utm_medium, utm_campaign,
    hits, visits, sessionless_hits, conversions
)
select
    n.grain, cast(:bucket_date as date), n.client_id, n.entity_type, n.entity_id, n.link_id, n.link_status,
    n.utm_source, n.utm_medium, n.utm_campaign, n.hits, n.visits, n.sessionless_hits, n.conversions
from stage_buckets n
