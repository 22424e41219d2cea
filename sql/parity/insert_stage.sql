-- HOW: the attributed facts, kept for the statements of this transaction.
insert into raw_fact (
    bucket_date, attribution_no, session_no, is_visit, client_id, entity_type, entity_id, link_id, link_status,
    utm_source, utm_medium, utm_campaign, session_id, excluded, happened_at, created_at
)
select
    bucket_date,
    dense_rank() over (
        order by client_id, entity_type collate "C", entity_id, link_id, link_status collate "C",
                 utm_source collate "C", utm_medium collate "C", utm_campaign collate "C"
    ),
    case when is_visit and session_id is not null then dense_rank() over (order by session_id collate "C") end,
    is_visit, client_id, entity_type, entity_id, link_id, link_status, utm_source, utm_medium, utm_campaign,
    session_id, excluded, happened_at, created_at
from (
{include parity/facts}
) fact
