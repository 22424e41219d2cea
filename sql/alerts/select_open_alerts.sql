-- WHAT: episodes of conditions whose end was not told yet.
-- Grain: one row per condition (name, subject).
select name, subject, begun_at, source, severity, owner, since, summary, runbook, command, first_day, last_day, numbers,
       last_seen_at, gone_at, told_severity, last_told_at, reminders, suppressed, due, delivered, undelivered_since,
       ended_at
from stats.alert
where ended_at is null
order by severity = 'warn', since, name, subject
