-- The members of raw and stored whose measures differ, one row a measure; a member that is on one side only has NULL
-- on the other. (Not a statement of its own: the end of those that define raw and stored.)
select
    coalesce(r.bucket_date, s.bucket_date) as bucket_date,
    coalesce(r.grain, s.grain) as grain,
    coalesce(r.client_id, s.client_id) as client_id,
    coalesce(r.entity_type, s.entity_type) as entity_type,
    coalesce(r.entity_id, s.entity_id) as entity_id,
    coalesce(r.link_id, s.link_id) as link_id,
    coalesce(r.link_status, s.link_status) as link_status,
    coalesce(r.utm_source, s.utm_source) as utm_source,
    coalesce(r.utm_medium, s.utm_medium) as utm_medium,
    coalesce(r.utm_campaign, s.utm_campaign) as utm_campaign,
    m.measure, m.raw, m.stored
from raw r
full join stored s
    -- A row's text is one-to-one and treats NULL as a value, and it can be hashed.
    on row(r.bucket_date, r.grain, r.client_id, r.entity_type, r.entity_id, r.link_id, r.link_status,
           r.utm_source, r.utm_medium, r.utm_campaign)::text
     = row(s.bucket_date, s.grain, s.client_id, s.entity_type, s.entity_id, s.link_id, s.link_status,
           s.utm_source, s.utm_medium, s.utm_campaign)::text
cross join lateral (values
    ('hits', r.hits, s.hits),
    ('visits', r.visits, s.visits),
    ('sessionless_hits', r.sessionless_hits, s.sessionless_hits),
    ('conversions', r.conversions, s.conversions)
) as m (measure, raw, stored)
where m.raw is distinct from m.stored
order by 1, 2, 3, 4, 5, 6, 7, 8, 9, 10
