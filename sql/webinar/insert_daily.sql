-- HOW: the day's webinars, after the old rows were deleted in the same transaction.
insert into stats.webinar_stats_daily (
    bucket_date, client_id, webinar_id, source, peak_viewers, peak_at, avg_viewers_live, minutes_observed,
    minutes_missed, unique_viewers, hits, visits, conversions, campaign_shared
)
select cast(:bucket_date as date), n.*
from (
    {include webinar/select_daily}
) n
