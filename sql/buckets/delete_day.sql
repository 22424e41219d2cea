-- HOW: removes all of a day's buckets, so that the day is written anew. Inputs: :bucket_date.
delete from stats.bucket_daily where bucket_date = :bucket_date
