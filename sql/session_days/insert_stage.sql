-- HOW: the day's attributed facts, kept for the statements of this transaction.
insert into stage_session_days (
    client_id, entity_type, entity_id, link_id, link_status, utm_source, utm_medium, utm_campaign, session_id,
    hits, conversions, excluded, fact_hash, attribution_hash
)
{include session_days/select_session_days}
