-- HOW: stores an episode as it is now.
-- Grain: one row per episode (name, subject, begun_at). Inputs: the episode as parameters.
insert into stats.alert (
    name, subject, begun_at, source, severity, owner, since, summary, runbook, command, first_day, last_day, numbers,
    last_seen_at, gone_at, told_severity, last_told_at, reminders, suppressed, due, delivered, undelivered_since, ended_at
)
values (
    :name, :subject, :begun_at, :source, :severity, :owner, :since, :summary, :runbook, :command, :first_day, :last_day,
    cast(:numbers as jsonb), :last_seen_at, :gone_at, :told_severity, :last_told_at, :reminders, :suppressed, :due,
    cast(:delivered as text[]), :undelivered_since, :ended_at
)
on conflict (name, subject, begun_at) do update set
    source = excluded.source,
    severity = excluded.severity,
    owner = excluded.owner,
    since = excluded.since,
    summary = excluded.summary,
    runbook = excluded.runbook,
    command = excluded.command,
    first_day = excluded.first_day,
    last_day = excluded.last_day,
    numbers = excluded.numbers,
    last_seen_at = excluded.last_seen_at,
    gone_at = excluded.gone_at,
    told_severity = excluded.told_severity,
    last_told_at = excluded.last_told_at,
    reminders = excluded.reminders,
    suppressed = excluded.suppressed,
    due = excluded.due,
    delivered = excluded.delivered,
    undelivered_since = excluded.undelivered_since,
    ended_at = excluded.ended_at
