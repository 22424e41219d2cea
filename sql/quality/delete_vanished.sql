-- HOW: removes rows of clients that have no fact on the day any more. Run in the transaction that measured the days.
delete from stats.quality_daily where bucket_date = any (cast(:days as date[])) and measured_at < now()
