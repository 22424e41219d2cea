-- `eventflow report`: the figures of a client and range.

-- name: select_state
-- WHAT: how current a range is. Grain: one row. Inputs: stats.range_state; :client_id, :first_day, :last_day.
select as_of, complete from stats.range_state(:first_day, :last_day, :client_id);

-- name: select_totals
-- WHAT: a client's measures over a range. Grain: one row, or none without facts.
-- Inputs: stats.range_summary; :client_id, :first_day, :last_day. Rules: M1-M4, M6.
select hits, visits, sessionless_hits, conversions, cvr
from stats.range_summary('client', :first_day, :last_day, :client_id);

-- name: select_days
-- WHAT: a client's measures and data quality by business day. Grain: one day. Visits are of the single day (M2).
-- Indicators of other facts than the day's buckets count as not measured; so does linkage of other days' other facts.
-- Inputs: stats.daily_series, stats.quality_daily, stats.linkage_inputs, stats.partition_state; :client_id, :first_day, :last_day. Rules: M1-M4, Q2-Q4.
select d.day::date as date, coalesce(b.hits, 0) as hits, coalesce(b.visits, 0) as visits,
       coalesce(b.sessionless_hits, 0) as sessionless_hits, coalesce(b.conversions, 0) as conversions, b.cvr,
       s.computed_at, 
       case when s.stale_clients is null or :client_id = any (s.stale_clients) then s.stale_since end as stale_since,
       case when i.input = split_part(q.linkage_input, '/', 1) then q.linked_entries end::numeric / nullif(q.entries, 0)
           as linkage,
       q.utm_hits::numeric / nullif(q.hits, 0) as utm_fill,
       q.unresolved_link_hits::numeric / nullif(q.hits, 0) as unresolved_link,
       q.unknown_link_hits::numeric / nullif(q.hits, 0) as unknown_link
from generate_series(cast(:first_day as date), cast(:last_day as date), interval '1 day') as d (day)
left join stats.daily_series('client', :first_day, :last_day, :client_id) b on b.bucket_date = d.day::date
left join stats.partition_state s on s.bucket_date = d.day::date
left join stats.quality_daily q on q.bucket_date = d.day::date and q.scope = 'client' and q.client_id = :client_id
    and q.derived_from = s.day_fingerprint
left join stats.linkage_inputs(:first_day, :last_day) i on i.bucket_date = d.day::date
order by d.day;

-- name: select_campaigns
-- WHAT: campaigns and webinars of a client over a range, named. Grain: member of the grain campaign.
-- A row of another client's campaign (its entries drifted, E2) has no title.
-- Inputs: stats.range_summary, dimensions; :client_id, :first_day, :last_day. Rules: M1-M4, M6.
select s.entity_type, s.entity_id, coalesce(c.title, w.title) as title,
       s.hits, s.visits, s.sessionless_hits, s.conversions, s.cvr
from stats.range_summary('campaign', :first_day, :last_day, :client_id) s
left join stats.campaigns c
    on s.entity_type = 'campaign' and c.id = s.entity_id and c.client_id is not distinct from s.client_id
left join stats.webinars w
    on s.entity_type = 'webinar' and w.id = s.entity_id and w.client_id is not distinct from s.client_id
order by s.visits desc, s.conversions desc, title, s.entity_id;

-- name: select_links
-- WHAT: links of a client over a range, named, and what came by unresolved links or none. Grain: member of the grain link.
-- Inputs: stats.range_summary, dimensions; :client_id, :first_day, :last_day. Rules: A1, A2, M1-M4, M6.
select s.link_id, l.name, s.link_status, s.entity_type, s.entity_id, coalesce(c.title, w.title) as title,
       s.hits, s.visits, s.sessionless_hits, s.conversions, s.cvr
from stats.range_summary('link', :first_day, :last_day, :client_id) s
left join stats.links l on l.id = s.link_id and l.client_id = s.client_id
left join stats.campaigns c
    on s.entity_type = 'campaign' and c.id = s.entity_id and c.client_id is not distinct from s.client_id
left join stats.webinars w
    on s.entity_type = 'webinar' and w.id = s.entity_id and w.client_id is not distinct from s.client_id
order by s.visits desc, s.conversions desc, l.name, s.link_id, s.entity_id;

-- name: select_quality
-- WHAT: a client's data quality over a range, where it is of the facts its days' buckets are of; rates from summed counts.
-- Grain: one row. Rules: Q2-Q5. Inputs: stats.quality_daily, stats.linkage_inputs, stats.partition_state; :client_id,
-- :first_day, :last_day.
select count(*) as days_measured,
       sum(q.linked_entries) filter (where i.input = split_part(q.linkage_input, '/', 1))::numeric
           / nullif(sum(q.entries) filter (where i.input = split_part(q.linkage_input, '/', 1)), 0) as linkage,
       sum(q.utm_hits)::numeric / nullif(sum(q.hits), 0) as utm_fill_hits,
       sum(q.utm_entries)::numeric / nullif(sum(q.entries), 0) as utm_fill_entries,
       sum(q.unresolved_link_hits)::numeric / nullif(sum(q.hits), 0) as unresolved_link_hits,
       sum(q.unknown_link_hits)::numeric / nullif(sum(q.hits), 0) as unknown_link_hits,
       sum(q.sessionless_hits)::numeric / nullif(sum(q.hits), 0) as sessionless_hits,
       coalesce(sum(q.excluded_hits), 0) as excluded_hits, coalesce(sum(q.excluded_entries), 0) as excluded_entries
from stats.quality_daily q
join stats.partition_state s on s.bucket_date = q.bucket_date and s.day_fingerprint = q.derived_from
left join stats.linkage_inputs(:first_day, :last_day) i on i.bucket_date = q.bucket_date
where q.scope = 'client' and q.client_id = :client_id and q.bucket_date between :first_day and :last_day;

-- name: select_closed_totals
-- WHAT: a client's measures as they were closed. Grain: one row, or none without facts. Inputs: stats.closing_figure;
-- :entry_no. Rules: M1-M4, M6.
select hits, visits, sessionless_hits, conversions, conversions::numeric / nullif(visits, 0) as cvr
from stats.closing_figure
where entry_no = :entry_no and grain = 'client';

-- name: select_closed_campaigns
-- WHAT: campaigns and webinars of a client as they were closed, named as they are now. Grain: member of the grain campaign.
-- Inputs: stats.closing_figure, dimensions; :entry_no. Rules: M1-M4, M6.
select s.entity_type, s.entity_id, coalesce(c.title, w.title) as title,
       s.hits, s.visits, s.sessionless_hits, s.conversions, s.conversions::numeric / nullif(s.visits, 0) as cvr
from stats.closing_figure s
left join stats.campaigns c
    on s.entity_type = 'campaign' and c.id = s.entity_id and c.client_id is not distinct from s.client_id
left join stats.webinars w
    on s.entity_type = 'webinar' and w.id = s.entity_id and w.client_id is not distinct from s.client_id
where s.entry_no = :entry_no and s.grain = 'campaign'
order by s.visits desc, s.conversions desc, title, s.entity_id;

-- name: select_closed_links
-- WHAT: links of a client as they were closed, named as they are now. Grain: member of the grain link.
-- Inputs: stats.closing_figure, dimensions; :entry_no. Rules: A1, A2, M1-M4, M6.
select s.link_id, l.name, s.link_status, s.entity_type, s.entity_id, coalesce(c.title, w.title) as title,
       s.hits, s.visits, s.sessionless_hits, s.conversions, s.conversions::numeric / nullif(s.visits, 0) as cvr
from stats.closing_figure s
left join stats.links l on l.id = s.link_id and l.client_id = s.client_id
left join stats.campaigns c
    on s.entity_type = 'campaign' and c.id = s.entity_id and c.client_id is not distinct from s.client_id
left join stats.webinars w
    on s.entity_type = 'webinar' and w.id = s.entity_id and w.client_id is not distinct from s.client_id
where s.entry_no = :entry_no and s.grain = 'link'
order by s.visits desc, s.conversions desc, l.name, s.link_id, s.entity_id;

-- name: select_adjustments
-- WHAT: by how much each figure of a closed month changed since, each time, on which days and why; differences, signed.
-- Grain: entry and member. Inputs: stats.closing, stats.closing_figure, stats.closing_day, dimensions; :client_id, :month,
-- :version.
select e.entry_no, e.recorded_at, s.grain, s.entity_type, s.entity_id, s.link_id, s.link_status,
       coalesce(c.title, w.title) as title, l.name as link, s.hits, s.visits, s.sessionless_hits, s.conversions,
       d.days, d.causes, e.hash
from stats.closing e
join stats.closing_figure s on s.entry_no = e.entry_no
cross join lateral (
    select string_agg(distinct to_char(a.bucket_date, 'YYYY-MM-DD'), ', ') as days,
           string_agg(distinct x.cause, ', ') as causes
    from stats.closing_day a
    left join unnest(a.causes) as x (cause) on true
    where a.entry_no = e.entry_no
) d
left join stats.links l on l.id = s.link_id and l.client_id = s.client_id
left join stats.campaigns c
    on s.entity_type = 'campaign' and c.id = s.entity_id and c.client_id is not distinct from s.client_id
left join stats.webinars w
    on s.entity_type = 'webinar' and w.id = s.entity_id and w.client_id is not distinct from s.client_id
where e.kind = 'adjusted' and e.client_id = :client_id and e.month = :month and e.version = :version
order by e.entry_no, array_position(array['client', 'campaign', 'link'], s.grain), title, s.entity_id, l.name, s.link_id;
