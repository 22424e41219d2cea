-- WHAT: the day's concurrency curves, for a plot: the webinars with the highest peaks, both sources.
-- Grain: webinar, source, bucket. Inputs: stats.webinar_stats_5min, stats.webinars; :bucket_date, :most (webinars).
with busiest as (
    select b.webinar_id, max(b.max_viewers) as peak
    from stats.webinar_stats_5min b
    where b.bucket_date = :bucket_date
    group by b.webinar_id
    having max(b.max_viewers) > 0
    order by peak desc, b.webinar_id
    limit :most
)
select b.webinar_id, coalesce(w.title, b.webinar_id::text) as title, b.source, b.bucket_start, b.min_viewers,
       b.max_viewers, b.avg_viewers, b.gaps
from stats.webinar_stats_5min b
join busiest using (webinar_id)
left join stats.webinars w on w.id = b.webinar_id
where b.bucket_date = :bucket_date
order by busiest.peak desc, b.webinar_id, b.source desc, b.bucket_start
