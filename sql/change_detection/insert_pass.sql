-- HOW: records a finished pass of change detection.
insert into stats.detection_pass (
    started_at, finished_at, scope, days_checked, days_changed, days_held, out_of_range_hits, out_of_range_conversions
)
values (
    :started_at, clock_timestamp(), :scope, :days_checked, :days_changed, :days_held, :out_of_range_hits,
    :out_of_range_conversions
)
on conflict do nothing
