-- HOW: removes the day's bridge rows that the facts no longer give. A row's text is one-to-one and NULL-safe.
-- Grain: one row of stats.session_days. Inputs: stage_session_days, :bucket_date.
delete from stats.session_days s
where s.bucket_date = :bucket_date
  and not exists (
    select from stage_session_days n
    where not n.excluded
      and row(n.client_id, n.entity_type, n.entity_id, n.link_id, n.link_status, n.utm_source, n.utm_medium,
              n.utm_campaign, n.session_id, n.hits, n.conversions)::text
        = row(s.client_id, s.entity_type, s.entity_id, s.link_id, s.link_status, s.utm_source, s.utm_medium,
              s.utm_campaign, s.session_id, s.hits, s.conversions)::text
  )
