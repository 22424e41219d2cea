-- HOW: removes the day's bridge rows that the facts no longer give. Whole rows are compared: NULL equals NULL.
-- Grain: one row of stats.session_days. Inputs: stage_session_days, :bucket_date.
delete from stats.session_days s
where s.bucket_date = :bucket_date
  and not exists (
    select from stage_session_days n
    where not n.excluded
      and s = row(cast(:bucket_date as date), n.client_id, n.entity_type, n.entity_id, n.link_id, n.link_status,
                  n.utm_source, n.utm_medium, n.utm_campaign, n.session_id, n.hits, n.conversions)::stats.session_days
  )
