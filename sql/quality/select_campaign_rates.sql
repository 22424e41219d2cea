-- WHAT: campaigns and webinars that convert more often than they are visited on a day (M4): candidates of the check cvr.
-- Grain: business day, member of the grain campaign. Inputs: stats.bucket_daily; :first_day, :last_day, :minimum_volume.
select b.bucket_date, b.client_id, b.entity_type, b.entity_id, b.visits, b.conversions
from stats.bucket_daily b
where b.grain = 'campaign' and b.bucket_date between :first_day and :last_day
  and b.visits >= :minimum_volume and b.conversions > b.visits
order by b.bucket_date, b.client_id, b.entity_id
