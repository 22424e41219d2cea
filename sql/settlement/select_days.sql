-- WHAT: a client's measures and data quality by business day. Grain: one day. Visits are of the single day (M2).
-- Inputs: stats.daily_series, stats.quality_daily, stats.partition_state; :client_id, :first_day, :last_day. Rules: M1-M4, Q2-Q4.
select d.day::date as date, coalesce(b.hits, 0) as hits, coalesce(b.visits, 0) as visits,
       coalesce(b.sessionless_hits, 0) as sessionless_hits, coalesce(b.conversions, 0) as conversions, b.cvr,
       s.computed_at, s.stale_since,
       q.linked_entries::numeric / nullif(q.entries, 0) as linkage,
       q.utm_hits::numeric / nullif(q.hits, 0) as utm_fill,
       q.unresolved_link_hits::numeric / nullif(q.hits, 0) as unresolved_link,
       q.unknown_link_hits::numeric / nullif(q.hits, 0) as unknown_link
from generate_series(cast(:first_day as date), cast(:last_day as date), interval '1 day') as d (day)
left join stats.daily_series('client', :first_day, :last_day, :client_id) b on b.bucket_date = d.day::date
left join stats.partition_state s on s.bucket_date = d.day::date
left join stats.quality_daily q on q.bucket_date = d.day::date and q.scope = 'client' and q.client_id = :client_id
order by d.day
