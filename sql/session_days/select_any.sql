-- WHAT: does the day have bridge rows? One row.
select exists (select from stats.session_days where bucket_date = :bucket_date)
