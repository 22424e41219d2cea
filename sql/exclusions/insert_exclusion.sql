-- HOW: adds a rule of exclusion (E3) and its history; nothing when the campaign is excluded already. Returns the rule.
with added as (
    insert into stats.exclusion (campaign_id, reason, author)
    values (:campaign_id, :reason, :author)
    on conflict do nothing
    returning campaign_id, reason, author
)
insert into stats.exclusion_change (campaign_id, change, reason, author)
select campaign_id, 'added', reason, author from added
returning campaign_id
