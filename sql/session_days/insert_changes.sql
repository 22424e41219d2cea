-- HOW: notes which sessions appeared on (+1) or vanished from (-1) a day that the return histograms already include.
-- Grain: attribution and session. Inputs: stage_session_days, stats.session_days before it is changed, :bucket_date.
-- Rule: M6. Run before the day's rows are replaced.
insert into stats.session_day_change (
    bucket_date, client_id, entity_type, entity_id, link_id, link_status, utm_source, utm_medium, utm_campaign,
    session_id, change
)
select cast(:bucket_date as date), appeared.*, 1
from (
    select n.client_id, n.entity_type, n.entity_id, n.link_id, n.link_status, n.utm_source, n.utm_medium,
           n.utm_campaign, n.session_id
    from stage_session_days n
    where n.session_id is not null and not n.excluded
    except
    select s.client_id, s.entity_type, s.entity_id, s.link_id, s.link_status, s.utm_source, s.utm_medium,
           s.utm_campaign, s.session_id
    from stats.session_days s
    where s.session_id is not null and s.bucket_date = :bucket_date
) appeared
union all
select cast(:bucket_date as date), vanished.*, -1
from (
    select s.client_id, s.entity_type, s.entity_id, s.link_id, s.link_status, s.utm_source, s.utm_medium,
           s.utm_campaign, s.session_id
    from stats.session_days s
    where s.session_id is not null and s.bucket_date = :bucket_date
    except
    select n.client_id, n.entity_type, n.entity_id, n.link_id, n.link_status, n.utm_source, n.utm_medium,
           n.utm_campaign, n.session_id
    from stage_session_days n
    where n.session_id is not null and not n.excluded
) vanished
