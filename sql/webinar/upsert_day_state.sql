-- HOW: what is known of the replaced day, in its transaction, with the day's totals for the run's report.
-- Grain: one row. Inputs: stats.webinar_stats_daily, webinar/select_inputs over the day; :bucket_date, :run_id.
insert into stats.webinar_day_state (
    bucket_date, inputs, webinars, minutes_observed, minutes_missed, run_id, computed_at
)
select
    i.bucket_date, i.inputs,
    (select count(*) from stats.webinar_stats_daily d where d.bucket_date = i.bucket_date),
    (select coalesce(sum(d.minutes_observed), 0) from stats.webinar_stats_daily d where d.bucket_date = i.bucket_date),
    (select coalesce(sum(d.minutes_missed), 0) from stats.webinar_stats_daily d where d.bucket_date = i.bucket_date),
    :run_id, clock_timestamp()
from (
    {include webinar/select_inputs}
) i
on conflict (bucket_date) do update
set inputs = excluded.inputs, webinars = excluded.webinars, minutes_observed = excluded.minutes_observed,
    minutes_missed = excluded.minutes_missed, run_id = excluded.run_id, computed_at = excluded.computed_at
