-- WHAT and HOW: entries that a visit of the same session in the same client precedes within the look-back (or follows by
-- a moment), or that a visit names (Q2). Grain: business day, scope, client. Excluded facts (E3) count on neither side.
-- Inputs: stats.entry_facts, stats.visit_facts, stats.campaigns, stats.webinars, stats.exclusion; :days, :starts,
-- :window_end, :inputs (digests of the days), :look_back_start, :look_back_end, :days_before, :minutes_after.
with entry as materialized (
    select (cast(:days as date[]))[width_bucket(e.created_at, cast(:starts as timestamptz[]))] as bucket_date,
           e.id, e.client_id, e.session_id, e.created_at
    from stats.entry_facts e
    where e.created_at >= (cast(:starts as timestamptz[]))[1] and e.created_at < :window_end
      and not exists (select from stats.exclusion x where x.campaign_id = e.campaign_id)
),
visit as materialized (
    select v.session_id, coalesce(c.client_id, case when v.campaign_id is null then w.client_id end) as client_id,
           v.accessed_at
    from stats.visit_facts v
    left join stats.campaigns c on c.id = v.campaign_id
    left join stats.webinars w on w.id = v.webinar_id
    where v.accessed_at >= :look_back_start and v.accessed_at < :look_back_end
      and v.session_id in (select e.session_id from entry e)
      and not exists (select from stats.exclusion x where x.campaign_id = v.campaign_id)
),
by_session as (
    select distinct e.id
    from entry e
    join visit v on v.session_id = e.session_id and v.client_id = e.client_id
    where v.accessed_at >= e.created_at - make_interval(secs => cast(:days_before as integer) * 86400)
      and v.accessed_at <= e.created_at + make_interval(mins => cast(:minutes_after as integer))
),
linked as (
    select e.bucket_date, e.client_id, grouping(e.client_id) = 1 as everything, count(*) as entries
    from entry e
    where e.id in (select b.id from by_session b)
       or exists (select from stats.visit_facts n where n.entry_id = e.id)
    group by grouping sets ((e.bucket_date), (e.bucket_date, e.client_id))
)
update stats.quality_daily q
set linked_entries = coalesce((
        select l.entries from linked l
        where l.bucket_date = q.bucket_date and l.everything = (q.scope = 'platform')
          and l.client_id is not distinct from q.client_id
    ), 0),
    linkage_input = i.input
from unnest(cast(:days as date[]), cast(:inputs as text[])) as i (day, input)
where q.bucket_date = i.day
