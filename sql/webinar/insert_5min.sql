-- HOW: the day's five-minute buckets, after the old ones were deleted in the same transaction.
insert into stats.webinar_stats_5min (
    bucket_date, client_id, webinar_id, bucket_start, source, sample_count, sum_viewers, min_viewers, max_viewers,
    avg_viewers, last_viewers, max_at, gaps
)
select cast(:bucket_date as date), n.*
from (
    {include webinar/select_5min}
) n
