-- WHAT: when change detection last finished a pass; where there was none, when the calendar was set up.
-- Grain: one row (none before the first migration). Inputs: stats.detection_pass, stats.calendar.
select (select max(finished_at) from stats.detection_pass) as finished_at, created_at as calendar_since
from stats.calendar
