-- HOW: removes all of a day's bridge rows, so that the day is written anew. Inputs: :bucket_date.
delete from stats.session_days where bucket_date = :bucket_date
