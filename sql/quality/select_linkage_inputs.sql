-- WHAT: a digest of everything linkage (Q2) of each day depends on: what the days of its look-back were computed from,
-- the day after it, and which of its entries a visit names. Days whose digest differs from the stored one are due.
-- Grain: business day. Inputs: stats.partition_state, stats.entry_facts, stats.visit_facts, stats.quality_daily; :days,
-- :starts, :ends, :days_before (look-back, whole days), :minutes_after.
select d.day as bucket_date, i.input
from unnest(cast(:days as date[]), cast(:starts as timestamptz[]), cast(:ends as timestamptz[]))
    as d (day, window_start, window_end)
cross join lateral (
    select md5(concat_ws('|',
        :days_before, :minutes_after,
        (select string_agg(concat_ws(' ', p.bucket_date, p.fingerprint, p.attribution_fingerprint), ',' order by p.bucket_date)
         from stats.partition_state p
         where p.bucket_date between d.day - (cast(:days_before as integer) + 1) and d.day + 1),
        (select count(*) from stats.entry_facts e
         where e.created_at >= d.window_start and e.created_at < d.window_end
           and exists (select from stats.visit_facts v where v.entry_id = e.id))
    )) as input
) i
left join stats.quality_daily q on q.bucket_date = d.day and q.scope = 'platform'
where q.linkage_input is distinct from i.input
order by d.day
