-- HOW: removes the day's hour buckets, also those of clients and campaigns no longer listed.
-- Grain: one hour bucket. Inputs: :bucket_date.
delete from stats.campaign_hourly where bucket_date = :bucket_date
