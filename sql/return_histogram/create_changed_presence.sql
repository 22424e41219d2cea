-- HOW: every day of the changed sessions: attributed to what, there when the histograms were last settled, there now.
-- Grain: session, business day, attribution; was_there and is_there are 0 or 1. Rule: M6.
-- Inputs: changed_session, stats.session_days, stats.partition_state, stats.session_day_change.
create temporary table changed_presence on commit drop as
select
    session_no, bucket_date, client_id, entity_type, entity_id, link_id, link_status, utm_source, utm_medium,
    utm_campaign,
    dense_rank() over (
        order by client_id, entity_type, entity_id, link_id, link_status, utm_source collate "C", utm_medium collate "C",
                 utm_campaign collate "C"
    ) as attribution_no,
    sum(was_there) as was_there,
    sum(is_there) as is_there
from (
    select x.session_no, s.bucket_date, s.client_id, s.entity_type, s.entity_id, s.link_id, s.link_status,
           s.utm_source, s.utm_medium, s.utm_campaign,
           case when p.histogram_included then 1 else 0 end as was_there, 1 as is_there
    from changed_session x
    join stats.session_days s
        on stats.session_key(s.session_id) = stats.session_key(x.session_id) and s.session_id = x.session_id
    join stats.partition_state p on p.bucket_date = s.bucket_date
    union all
    select x.session_no, c.bucket_date, c.client_id, c.entity_type, c.entity_id, c.link_id, c.link_status,
           c.utm_source, c.utm_medium, c.utm_campaign,
           -c.change, 0
    from changed_session x
    join stats.session_day_change c on c.session_id = x.session_id
) presence
group by
    session_no, bucket_date, client_id, entity_type, entity_id, link_id, link_status, utm_source, utm_medium,
    utm_campaign
