-- WHAT: a client's data quality over a range; rates from summed counts. Grain: one row. Rules: Q2-Q5.
-- Inputs: stats.quality_daily; :client_id, :first_day, :last_day.
select count(*) as days_measured,
       sum(linked_entries)::numeric / nullif(sum(entries) filter (where linked_entries is not null), 0) as linkage,
       sum(utm_hits)::numeric / nullif(sum(hits), 0) as utm_fill_hits,
       sum(utm_entries)::numeric / nullif(sum(entries), 0) as utm_fill_entries,
       sum(unresolved_link_hits)::numeric / nullif(sum(hits), 0) as unresolved_link_hits,
       sum(unknown_link_hits)::numeric / nullif(sum(hits), 0) as unknown_link_hits,
       sum(sessionless_hits)::numeric / nullif(sum(hits), 0) as sessionless_hits,
       coalesce(sum(excluded_hits), 0) as excluded_hits, coalesce(sum(excluded_entries), 0) as excluded_entries
from stats.quality_daily
where scope = 'client' and client_id = :client_id and bucket_date between :first_day and :last_day
