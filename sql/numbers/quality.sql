-- WHAT: the indicators of some business days, for everything and per client, as counts (Q1, Q3-Q5, Q7).
-- Grain: business day, scope, client. Inputs: what parity/facts reads; :first_instant and :last_instant (bounds
-- of all partitions, T4), :clone_entries, :clone_share (Q7). Excluded facts (E3) are counted in excluded_* alone.
with fact as materialized (
{include parity/facts}
),
measured as (
    select
        bucket_date,
        case when grouping(client_id) = 1 then 'platform' else 'client' end as scope,
        client_id,
        count(*) filter (where not excluded and is_visit) as hits,
        count(*) filter (where not excluded and not is_visit) as entries,
        count(*) filter (where not excluded and is_visit and session_id is null) as sessionless_hits,
        count(*) filter (where not excluded and not is_visit and session_id is null) as sessionless_entries,
        count(*) filter (where not excluded and is_visit and has_utm) as captured_utm_hits,
        count(*) filter (where not excluded and not is_visit and has_utm) as captured_utm_entries,
        count(*) filter (where not excluded and is_visit and attributed) as utm_hits,
        count(*) filter (where not excluded and not is_visit and attributed) as utm_entries,
        count(*) filter (where not excluded and is_visit and link_status = 'resolved') as resolved_link_hits,
        count(*) filter (where not excluded and not is_visit and link_status = 'resolved') as resolved_link_entries,
        count(*) filter (where not excluded and is_visit and link_status = 'unresolved') as unresolved_link_hits,
        count(*) filter (where not excluded and not is_visit and link_status = 'unresolved') as unresolved_link_entries,
        count(*) filter (where not excluded and is_visit and link_status = 'unknown') as unknown_link_hits,
        count(*) filter (where not excluded and not is_visit and link_status = 'unknown') as unknown_link_entries,
        count(*) filter (where not excluded and is_visit and client_id is null) as unknown_client_hits,
        count(*) filter (where not excluded and not is_visit and client_id is null) as unknown_client_entries,
        count(*) filter (where not excluded and is_visit and entity_type = 'unknown') as unknown_entity_hits,
        count(*) filter (where not excluded and not is_visit and entity_type = 'unknown') as unknown_entity_entries,
        count(supplied_cid) filter (where not excluded and is_visit) as supplied_cid_hits,
        count(supplied_cid) filter (where not excluded and not is_visit) as supplied_cid_entries,
        count(*) filter (where not excluded and is_visit and malformed) as malformed_cid_hits,
        count(*) filter (where not excluded and not is_visit and malformed) as malformed_cid_entries,
        count(*) filter (where not excluded and not is_visit and client_id <> campaign_client_id) as foreign_entries,
        count(*) filter (where excluded and is_visit) as excluded_hits,
        count(*) filter (where excluded and not is_visit) as excluded_entries
    from fact
    cross join lateral (
        select num_nonnulls(utm_source, utm_medium, utm_campaign) > 0 as attributed,
               coalesce(supplied_cid collate "C" !~ '^[A-Z0-9]{8}$', false) as malformed
    ) quality
    group by grouping sets ((bucket_date), (bucket_date, client_id))
),
-- Campaigns of one client that share entries to the microsecond on one of the days; judged over their whole life.
suspect as (
    select distinct a.client_id, a.entity_id as one, b.entity_id as other, a.bucket_date
    from fact a
    join fact b on b.happened_at = a.happened_at and b.client_id = a.client_id and b.entity_id > a.entity_id
    where not a.is_visit and not b.is_visit and not a.excluded and not b.excluded
),
pair as (
    select s.client_id, s.one, s.other,
           (select count(distinct x.id) from stats.entry_facts x
            join stats.entry_facts y on y.created_at = x.created_at and y.campaign_id = s.other
            where x.campaign_id = s.one) as shared,
           least((select count(*) from stats.entry_facts e where e.campaign_id = s.one),
                 (select count(*) from stats.entry_facts e where e.campaign_id = s.other)) as entries_of_smaller
    from (select distinct client_id, one, other from suspect) s
),
clone as (
    select s.bucket_date, s.client_id,
           jsonb_build_object('campaigns', jsonb_build_array(p.one, p.other), 'shared_entries', p.shared) as suspected
    from suspect s
    join pair p on p.one = s.one and p.other = s.other and p.client_id = s.client_id
    where p.shared >= :clone_entries and p.shared >= :clone_share * p.entries_of_smaller
),
-- The sessions of a client: how many (M2), and what may be more than a person is.
session as (
    select bucket_date, client_id, session_id, sum(hits) as hits, count(*) as entities
    from (
        select bucket_date, client_id, session_id, entity_id, count(*) as hits
        from fact
        where is_visit and not excluded and session_id is not null
        group by bucket_date, client_id, session_id, entity_id
    ) e
    group by bucket_date, client_id, session_id
),
visited as (
    select bucket_date, case when grouping(client_id) = 1 then 'platform' else 'client' end as scope, client_id,
           count(distinct session_id collate "C") as visits
    from session
    group by grouping sets ((bucket_date), (bucket_date, client_id))
),
-- Those with many hits, or in many campaigns and webinars, the busiest of each. Named by a digest: whoever is to find it has
-- session-days.
busiest as (
    select distinct on (s.bucket_date, s.client_id, m.measure)
        s.bucket_date, s.client_id,
        jsonb_build_object(
            'measure', m.measure, 'number', m.number,
            'session', left(encode(sha256(convert_to(s.client_id::text || s.session_id, 'UTF8')), 'hex'), 12)
        ) as named
    from session s
    cross join lateral (values ('hits', s.hits, 20), ('entities', s.entities, 3)) as m (measure, number, usual)
    where m.number > m.usual
    order by s.bucket_date, s.client_id, m.measure, m.number desc, s.session_id
),
total as (
    -- Between two instants, and so by the index, whatever is known of the table.
    select d.day as bucket_date, 'platform' as scope, null::uuid as client_id,
           (select count(*) from stats.visit_facts where accessed_at >= '-infinity' and accessed_at < :first_instant)
           + (select count(*) from stats.visit_facts where accessed_at >= :last_instant and accessed_at <= 'infinity')
               as out_of_range_hits,
           (select count(*) from stats.entry_facts where created_at >= '-infinity' and created_at < :first_instant)
           + (select count(*) from stats.entry_facts where created_at >= :last_instant and created_at <= 'infinity')
               as out_of_range_entries
    from unnest(cast(:days as date[])) as d (day)
    union all
    select bucket_date, scope, client_id, null, null from measured where scope = 'client'
)
select
    t.bucket_date, t.scope, t.client_id,
    coalesce(m.hits, 0) as hits, coalesce(v.visits, 0) as visits, coalesce(m.entries, 0) as entries,
    coalesce(m.sessionless_hits, 0) as sessionless_hits, coalesce(m.sessionless_entries, 0) as sessionless_entries,
    coalesce(m.captured_utm_hits, 0) as captured_utm_hits, coalesce(m.captured_utm_entries, 0) as captured_utm_entries,
    coalesce(m.utm_hits, 0) as utm_hits, coalesce(m.utm_entries, 0) as utm_entries,
    coalesce(m.resolved_link_hits, 0) as resolved_link_hits,
    coalesce(m.resolved_link_entries, 0) as resolved_link_entries,
    coalesce(m.unresolved_link_hits, 0) as unresolved_link_hits,
    coalesce(m.unresolved_link_entries, 0) as unresolved_link_entries,
    coalesce(m.unknown_link_hits, 0) as unknown_link_hits, coalesce(m.unknown_link_entries, 0) as unknown_link_entries,
    coalesce(m.unknown_client_hits, 0) as unknown_client_hits,
    coalesce(m.unknown_client_entries, 0) as unknown_client_entries,
    coalesce(m.unknown_entity_hits, 0) as unknown_entity_hits,
    coalesce(m.unknown_entity_entries, 0) as unknown_entity_entries,
    coalesce(m.supplied_cid_hits, 0) as supplied_cid_hits, coalesce(m.supplied_cid_entries, 0) as supplied_cid_entries,
    coalesce(m.malformed_cid_hits, 0) as malformed_cid_hits,
    coalesce(m.malformed_cid_entries, 0) as malformed_cid_entries,
    coalesce(m.foreign_entries, 0) as foreign_entries,
    coalesce(m.excluded_hits, 0) as excluded_hits, coalesce(m.excluded_entries, 0) as excluded_entries,
    t.out_of_range_hits, t.out_of_range_entries,
    coalesce(c.suspected, '[]') as suspected_clones,
    coalesce(b.named, '[]') as busiest_sessions
from total t
left join measured m
    on m.bucket_date = t.bucket_date and m.scope = t.scope
    and coalesce(m.client_id::text, '') = coalesce(t.client_id::text, '')
left join visited v
    on v.bucket_date = t.bucket_date and v.scope = t.scope
    and coalesce(v.client_id::text, '') = coalesce(t.client_id::text, '')
left join (
    select bucket_date, case when grouping(client_id) = 1 then 'platform' else 'client' end as scope, client_id,
           jsonb_agg(suspected order by suspected) as suspected
    from clone
    group by grouping sets ((bucket_date), (bucket_date, client_id))
) c on c.bucket_date = t.bucket_date and c.scope = t.scope
    and coalesce(c.client_id::text, '') = coalesce(t.client_id::text, '')
left join (
    select bucket_date, client_id, jsonb_agg(named order by named) as named from busiest group by bucket_date, client_id
) b on b.bucket_date = t.bucket_date and b.client_id = t.client_id
