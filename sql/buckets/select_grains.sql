-- WHAT: the published grains, in their order (M5), each as the parameters of select_buckets.
-- Grain: one row per published grain. Inputs: stats.grain.
select name as grain, by_client, by_entity, by_link, by_utm_source, by_utm_medium, by_utm_campaign
from stats.grain
order by position
