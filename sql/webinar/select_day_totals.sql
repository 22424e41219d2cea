-- WHAT: what a day holds over all webinars, for the partition's metadata in Dagster.
-- Grain: one row. Inputs: stats.webinar_stats_5min, stats.webinar_stats_daily, stats.webinar_client_daily,
-- stats.webinars; :bucket_date.
select
    count(*) as webinars,
    (select count(*) from stats.webinar_stats_5min b
     where b.bucket_date = :bucket_date and b.source = 'sampled') as buckets,
    (select count(*) from stats.webinar_stats_5min b
     where b.bucket_date = :bucket_date and b.source = 'legacy') as legacy_buckets,
    coalesce(sum(d.minutes_observed), 0) as minutes_observed,
    coalesce(sum(d.minutes_missed), 0) as minutes_missed,
    max(d.peak_viewers) as peak_viewers,
    (array_agg(coalesce(w.title, d.webinar_id::text) order by d.peak_viewers desc, d.webinar_id)
        filter (where d.peak_viewers > 0))[1] as peak_webinar,
    coalesce(sum(d.unique_viewers), 0) as unique_viewers,
    (select sum(c.visits)::bigint from stats.webinar_client_daily c where c.bucket_date = :bucket_date) as visits,
    (select sum(c.conversions)::bigint from stats.webinar_client_daily c
     where c.bucket_date = :bucket_date) as conversions
from stats.webinar_stats_daily d
left join stats.webinars w on w.id = d.webinar_id
where d.bucket_date = :bucket_date
