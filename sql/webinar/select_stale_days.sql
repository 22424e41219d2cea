-- WHAT: days of a range whose webinar statistics were computed from something else than is there now, or never.
-- Grain: day. Inputs: as webinar/select_inputs, stats.webinar_day_state.
select i.bucket_date
from (
    {include webinar/select_inputs}
) i
left join stats.webinar_day_state s on s.bucket_date = i.bucket_date
where case when s.bucket_date is null then i.has_any else s.inputs <> i.inputs end
order by i.bucket_date
