-- WHAT: attributions of the session-days whose rows differ from the facts; sessions are counted, never named.
-- Grain: business day, attribution. raw and stored count what only the facts, or only session-days, have:
-- each row of the facts once, each of session-days taken away once, what is left is the difference both ways.
-- Inputs: raw_cell, stats.session_days; :first_day, :last_day, :client_id (NULL: everything). Rules: M1-M3, M6.
-- Days pruned from session-days have nothing to compare.
select
    d.bucket_date, 'session_days' as grain,
    d.client_id, d.entity_type, d.entity_id, d.link_id, d.link_status, d.utm_source, d.utm_medium, d.utm_campaign,
    m.measure, m.raw, m.stored
from (
    select bucket_date, client_id, entity_type, entity_id, link_id, link_status, utm_source, utm_medium, utm_campaign,
           sum(greatest(copies, 0)) as raw_rows,
           sum(greatest(-copies, 0)) as stored_rows,
           sum(greatest(copies, 0) * hits) as raw_hits,
           sum(greatest(-copies, 0) * hits) as stored_hits,
           sum(greatest(copies, 0) * conversions) as raw_conversions,
           sum(greatest(-copies, 0) * conversions) as stored_conversions
    from (
        select bucket_date, client_id, entity_type, entity_id, link_id, link_status, utm_source, utm_medium, utm_campaign,
               session_id, hits, conversions, sum(copy) as copies
        from (
            select bucket_date, client_id, entity_type, entity_id, link_id, link_status, utm_source, utm_medium,
                   utm_campaign, session_id, hits, conversions, 1 as copy
            from raw_cell
            where counted and bucket_date between :first_day and :last_day
              and bucket_date >= coalesce((select c.session_days_from from stats.build_settings c), '-infinity')
              and (cast(:client_id as uuid) is null or client_id = :client_id)
            union all
            select bucket_date, client_id, entity_type, entity_id, link_id, link_status, utm_source, utm_medium,
                   utm_campaign, session_id, hits, conversions, -1
            from stats.session_days
            where bucket_date between :first_day and :last_day
              and (cast(:client_id as uuid) is null or client_id = :client_id)
        ) both_sides
        group by bucket_date, client_id, entity_type, entity_id, link_id, link_status, utm_source, utm_medium,
                 utm_campaign, session_id, hits, conversions
        having sum(copy) <> 0
    ) difference
    group by bucket_date, client_id, entity_type, entity_id, link_id, link_status, utm_source, utm_medium, utm_campaign
) d
cross join lateral (values
    ('rows', d.raw_rows, d.stored_rows),
    ('hits', d.raw_hits, d.stored_hits),
    ('conversions', d.raw_conversions, d.stored_conversions)
) as m (measure, raw, stored)
where m.measure = 'rows' or m.raw <> m.stored
order by 1, 3, 4, 5, 6, 7, 8, 9, 10
