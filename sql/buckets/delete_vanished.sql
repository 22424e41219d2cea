-- HOW: removes the day's buckets that are gone or have other measures. A row's text is one-to-one and NULL-safe.
-- Grain: one bucket. Inputs: stage_buckets, :bucket_date.
delete from stats.bucket_daily b
where b.bucket_date = :bucket_date
  and not exists (
    select from stage_buckets n
    where row(n.*)::text
        = row(b.grain, b.client_id, b.entity_type, b.entity_id, b.link_id, b.link_status, b.utm_source, b.utm_medium,
              b.utm_campaign, b.hits, b.visits, b.sessionless_hits, b.conversions)::text
  )
