-- HOW: the attributed facts, kept for the statements of this transaction.
insert into raw_fact (
    bucket_date, is_visit, client_id, entity_type, entity_id, link_id, link_status, utm_source, utm_medium, utm_campaign,
    session_id, excluded, created_at
)
select
    bucket_date, is_visit, client_id, entity_type, entity_id, link_id, link_status, utm_source, utm_medium, utm_campaign,
    session_id, excluded, created_at
from (
{include parity/select_facts}
) fact
