-- WHAT: minutes of a window in which a webinar should have been sampled (W1): inside its observed window, or within an
-- hour after a sample with viewers until the next sample. Nothing before the first sample ever taken, nothing after :at.
-- Grain: webinar and minute. Inputs: stats.webinars, stats.webinar_sample; :window_start, :window_end, :at (instants),
-- :before_minutes, :after_minutes.
select w.id as webinar_id, m.minute
from stats.webinars w
cross join lateral (
    select w.webinar_start_time - make_interval(mins => :before_minutes) as opens,
           w.webinar_start_time + make_interval(mins => :after_minutes) as closes
) observed
cross join lateral generate_series(
    greatest(
        date_trunc('minute', observed.opens + interval '59.999999 seconds', 'UTC'),
        cast(:window_start as timestamptz),
        (select min(s.sampled_minute) from stats.webinar_sample s)
    ),
    least(date_trunc('minute', observed.closes, 'UTC'), :window_end, date_trunc('minute', cast(:at as timestamptz), 'UTC'))
        - interval '1 microsecond',
    interval '1 minute'
) as m (minute)
where observed.opens < :window_end and observed.closes > :window_start
  and exists (select from stats.webinar_sample)
union
select s.webinar_id, m.minute
from (
    select s.webinar_id, s.sampled_minute, s.viewers,
           lead(s.sampled_minute) over (partition by s.webinar_id order by s.sampled_minute) as next_minute
    from stats.webinar_sample s
    where s.sampled_minute >= cast(:window_start as timestamptz) - interval '61 minutes'
      and s.sampled_minute < :window_end
) s
cross join lateral generate_series(
    greatest(s.sampled_minute + interval '1 minute', cast(:window_start as timestamptz)),
    least(s.next_minute, s.sampled_minute + interval '61 minutes', cast(:window_end as timestamptz),
          date_trunc('minute', cast(:at as timestamptz), 'UTC')) - interval '1 microsecond',
    interval '1 minute'
) as m (minute)
where s.viewers > 0
