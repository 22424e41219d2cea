-- HOW: removes the day's buckets that are gone or have other measures. Whole rows are compared: NULL equals NULL.
-- Grain: one bucket. Inputs: stage_buckets, :bucket_date.
delete from stats.bucket_daily b
where b.bucket_date = :bucket_date
  and not exists (
    select from stage_buckets n
    where b = row(n.grain, cast(:bucket_date as date), n.client_id, n.entity_type, n.entity_id, n.link_id,
                  n.link_status, n.utm_source, n.utm_medium, n.utm_campaign, n.hits, n.visits, n.sessionless_hits,
                  n.conversions)::stats.bucket_daily
  )
