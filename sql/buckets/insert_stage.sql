-- HOW: the day's buckets at one grain, kept for the statements of this transaction.
insert into stage_buckets (
    grain, client_id, entity_type, entity_id, link_id, link_status, utm_source, utm_medium, utm_campaign,
    hits, visits, sessionless_hits, conversions
)
{include buckets/select_buckets}
