-- What is stored of computed days, for Dagster's records.

-- name: select_computations
-- WHAT: when each stored day was computed after an instant (:since, NULL: ever), by which run, and whether by adding to what
-- was published; first computed first. Grain: one row per day. Inputs: stats.partition_state, stats.delta_day.
select s.bucket_date, s.computed_at, s.run_id, coalesce(d.deltas, 0) > 0 as by_delta
from stats.partition_state s
left join stats.delta_day d on d.bucket_date = s.bucket_date
where s.computed_at > coalesce(cast(:since as timestamptz), '-infinity')
order by s.computed_at;

-- name: select_stored_totals
-- WHAT: what some computed days hold, as select_day_totals and select_bucket_counts said it when they were replaced;
-- without stale ones. Grain: one row per day. Inputs: stats.partition_state, stats.bucket_daily, stats.campaign_hourly.
select s.bucket_date as day, s.session_days, s.hits, s.visits, s.sessionless_hits, s.conversions, s.unknown_link_hits,
       s.unresolved_link_hits, s.unknown_client_hits, s.excluded_hits, s.excluded_conversions, s.watermark,
       (select jsonb_object_agg(g.name, (
            select count(*) from stats.bucket_daily b where b.grain = g.name and b.bucket_date = s.bucket_date
        )) from stats.grain g) as buckets,
       (select count(*) from stats.campaign_hourly h where h.bucket_date = s.bucket_date) as campaign_hours
from stats.partition_state s
where s.bucket_date = any (cast(:days as date[])) and s.computed_at is not null and s.stale_since is null
order by s.bucket_date desc;
