-- HOW: removes everything stored for a day of webinar statistics; the same transaction puts in what the day has now.
-- Inputs: :bucket_date.
with buckets as (
    delete from stats.webinar_stats_5min where bucket_date = :bucket_date
),
days as (
    delete from stats.webinar_stats_daily where bucket_date = :bucket_date
)
delete from stats.webinar_client_daily where bucket_date = :bucket_date
