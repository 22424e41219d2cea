-- WHAT: does the day have buckets? One row.
select exists (select from stats.bucket_daily where bucket_date = :bucket_date)
