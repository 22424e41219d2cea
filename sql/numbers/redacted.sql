-- WHAT: how much of recent traffic is in the member (redacted) of a UTM (A5): its values looked personal.
-- Grain: one row per client with any. Inputs: stats.bucket_daily; :first_day. A hit with two such values counts once.
select b.client_id,
       min(b.bucket_date) filter (where r.is_so) as first_day, max(b.bucket_date) filter (where r.is_so) as last_day,
       sum(b.hits)::bigint as hits, coalesce(sum(b.hits) filter (where r.is_so), 0)::bigint as redacted_hits,
       sum(b.conversions)::bigint as entries, coalesce(sum(b.conversions) filter (where r.is_so), 0)::bigint as redacted_entries
from stats.bucket_daily b
cross join lateral (
    select '(redacted)' in (b.utm_source, b.utm_medium, b.utm_campaign) is true as is_so
) r
where b.grain = 'utm' and b.bucket_date >= :first_day
group by b.client_id
having bool_or(r.is_so)
order by b.client_id
