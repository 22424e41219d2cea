-- WHAT: days of a range whose webinar statistics were computed from something else than is there now, or never.
-- Days whose traffic can no longer be counted, because the bridge was pruned, stay as they are.
-- Grain: day. Inputs: as webinar/select_inputs, stats.webinar_day_state, stats.calendar.
select i.bucket_date
from (
    {include webinar/select_inputs}
) i
left join stats.webinar_day_state s on s.bucket_date = i.bucket_date
where i.bucket_date >= coalesce((select c.bridge_from + c.bridge_days - 1 from stats.calendar c), i.bucket_date)
  and case when s.bucket_date is null then i.has_any else s.inputs <> i.inputs end
order by i.bucket_date
