-- HOW: adds the differences of one grain to what is stored. Grain: member, bucket_date, previous_date. Inputs: as included.
{include return_histogram/insert_return_histogram}
on conflict (
    grain, client_id, bucket_date, previous_date, entity_type, entity_id, link_id, link_status,
    utm_source, utm_medium, utm_campaign
) do update set sessions = h.sessions + excluded.sessions
