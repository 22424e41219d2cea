-- WHAT: how the service did over the business days :first_day to :last_day, and over the incidents that began since :since.
-- Grain: one row. Inputs: stats.partition_state, stats.day_check, stats.failed_check, stats.incident; :now.
select d.*, i.*,
       (select extract(epoch from cast(:now as timestamptz) - max(p.finished_at)) from stats.detection_pass p)
           as detection_age_seconds
from (
    select count(*) as days,
           count(*) filter (where s.computed_at is not null and s.stale_since is null) as days_complete,
           count(*) filter (where k.derived_from = s.day_fingerprint) as days_verified,
           count(*) filter (where exists (
               select from stats.failed_check f
               where f.check_name in ('raw_parity', 'range_parity') and f.partition = g.day::date::text
           )) as days_differing,
           extract(epoch from cast(:now as timestamptz) - min(s.stale_since) filter (where s.due)) as oldest_stale_seconds
    from generate_series(cast(:first_day as date), cast(:last_day as date), interval '1 day') as g (day)
    left join stats.partition_state s on s.bucket_date = g.day::date
    left join stats.day_check k on k.bucket_date = g.day::date and k.checks = 'parity'
) d
cross join (
    select count(*) as incidents,
           count(*) filter (where notified_severity = 'error') as errors,
           count(*) filter (where false_alarm) as false_alarms,
           count(*) filter (where ended_at is null) as still_open,
           percentile_cont(0.5) within group (order by extract(epoch from acknowledged_at - begun_at))
               as answered_after_seconds,
           percentile_cont(0.5) within group (order by extract(epoch from gone_at - begun_at))
               filter (where not final) as lasted_seconds
    from stats.incident
    where begun_at >= :since and notified_severity is not null
) i
