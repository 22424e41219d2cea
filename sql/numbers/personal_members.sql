-- WHAT: UTM members of recent buckets that look like an e-mail address or a phone number (S7), counted, never shown.
-- Grain: one row per client and UTM column. Inputs: stats.bucket_daily; :first_day, :pattern (a regular expression).
select b.client_id, b.grain as utm_column, min(b.bucket_date) as first_day, max(b.bucket_date) as last_day,
       count(distinct coalesce(b.utm_source, b.utm_medium, b.utm_campaign)) as members
from stats.bucket_daily b
where b.grain in ('utm_source', 'utm_medium', 'utm_campaign') and b.bucket_date >= :first_day
  and coalesce(b.utm_source, b.utm_medium, b.utm_campaign) collate "C" ~* :pattern
group by b.client_id, b.grain
order by b.client_id, b.grain
