-- HOW: adds the day's buckets that are new or changed; what is unchanged is not written again.
-- Grain: one bucket. Inputs: stage_buckets, :bucket_date.
insert into stats.bucket_daily (
    grain, bucket_date, client_id, entity_type, entity_id, link_id, link_status, utm_source, utm_medium, utm_campaign,
    hits, visits, sessionless_hits, conversions
)
select
    n.grain, cast(:bucket_date as date), n.client_id, n.entity_type, n.entity_id, n.link_id, n.link_status,
    n.utm_source, n.utm_medium, n.utm_campaign, n.hits, n.visits, n.sessionless_hits, n.conversions
from stage_buckets n
where not exists (
    select from stats.bucket_daily b
    where b.bucket_date = :bucket_date
      and b = row(n.grain, cast(:bucket_date as date), n.client_id, n.entity_type, n.entity_id, n.link_id,
                  n.link_status, n.utm_source, n.utm_medium, n.utm_campaign, n.hits, n.visits, n.sessionless_hits,
                  n.conversions)::stats.bucket_daily
)
