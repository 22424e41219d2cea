-- WHAT: what the checks of computed days find, for a range of days.
-- Grain: day. Inputs: stats.webinar_stats_5min, stats.webinar_stats_daily; :first_day, :last_day.
select
    d.bucket_date,
    coalesce(b.owed, 0) as minutes_owed,
    coalesce(b.missed, 0) as minutes_missed,
    coalesce(b.disordered, 0) as disordered,
    coalesce(b.disordered_legacy, 0) as disordered_legacy,
    (select count(*) from stats.webinar_stats_daily w
     where w.bucket_date = d.bucket_date and w.source = 'sampled' and w.peak_viewers > w.unique_viewers) as over_known
from (
    select g.day::date as bucket_date
    from generate_series(cast(:first_day as date), cast(:last_day as date), interval '1 day') as g (day)
) d
left join lateral (
    select
        sum(m.sample_count + m.gaps) filter (where m.source = 'sampled') as owed,
        sum(m.gaps) filter (where m.source = 'sampled') as missed,
        count(*) filter (where m.source = 'sampled' and not (
            m.min_viewers <= m.avg_viewers and m.avg_viewers <= m.max_viewers
            and m.last_viewers between m.min_viewers and m.max_viewers)) as disordered,
        count(*) filter (where m.source = 'legacy' and not (
            m.min_viewers <= m.avg_viewers and m.avg_viewers <= m.max_viewers)) as disordered_legacy
    from stats.webinar_stats_5min m
    where m.bucket_date = d.bucket_date
) b on true
order by d.bucket_date
