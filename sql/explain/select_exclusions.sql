-- WHAT: why campaigns are excluded (E3). Grain: one row per campaign. Inputs: :campaigns (uuid array).
select campaign_id, reason, author, created_at from stats.exclusion where campaign_id = any (cast(:campaigns as uuid[]))
