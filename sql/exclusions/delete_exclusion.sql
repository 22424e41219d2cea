-- HOW: removes a rule of exclusion (E3) and notes who did and why; nothing when there is none. Returns the campaign.
with removed as (
    delete from stats.exclusion where campaign_id = :campaign_id returning campaign_id
)
insert into stats.exclusion_change (campaign_id, change, reason, author)
select campaign_id, 'removed', :reason, :author from removed
returning campaign_id
