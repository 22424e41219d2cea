-- WHAT: the campaigns excluded (E3), with their title where the row exists, why, by whom and since when.
-- Grain: one rule. Inputs: stats.exclusion, stats.campaigns.
select x.campaign_id, c.title, c.client_id, x.reason, x.author, x.created_at
from stats.exclusion x
left join stats.campaigns c on c.id = x.campaign_id
order by x.created_at, x.campaign_id
