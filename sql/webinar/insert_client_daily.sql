-- HOW: the day's clients, after the old rows were deleted in the same transaction.
insert into stats.webinar_client_daily (
    bucket_date, client_id, webinars, shared_campaigns, peak_viewers, hits, visits, conversions
)
select cast(:bucket_date as date), n.*
from (
    {include webinar/select_client_daily}
) n
