-- WHAT: was a minute of a day sampled after the day was computed?
-- Grain: one value. Inputs: stats.webinar_sample, stats.webinar_day_state; :bucket_date, :window_start, :window_end.
select exists (
    select from stats.webinar_sample s
    where s.sampled_minute >= :window_start and s.sampled_minute < :window_end
      and s.sampled_at > coalesce(
        (select d.computed_at from stats.webinar_day_state d where d.bucket_date = :bucket_date), '-infinity')
)
