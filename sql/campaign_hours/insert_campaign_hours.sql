-- HOW: the day's hour buckets, after delete_campaign_hours in the same transaction.
-- Grain: one hour bucket. Inputs: :bucket_date and those of select_campaign_hours.
insert into stats.campaign_hourly (
    bucket_date, bucket_hour, client_id, entity_type, entity_id, hits, visits, sessionless_hits, conversions
)
select
    cast(:bucket_date as date), h.bucket_hour, h.client_id, h.entity_type, h.entity_id, h.hits, h.visits,
    h.sessionless_hits, h.conversions
from (
    {include campaign_hours/select_campaign_hours}
) h
