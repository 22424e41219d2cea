-- Episodes of conditions that people were notified of, and failed checks.

-- name: select_open_alerts
-- WHAT: episodes of conditions whose end nobody was notified of yet.
-- Grain: one row per condition (name, subject).
select name, subject, begun_at, source, severity, owner, since, summary, runbook, command, first_day, last_day, numbers,
       last_seen_at, gone_at, notified_severity, last_notified_at, reminders, suppressed, due, delivered, undelivered_since,
       ended_at
from stats.alert
where ended_at is null
order by severity = 'warn', since, name, subject;

-- name: select_ended_alerts
-- WHAT: conditions whose end people were notified of since an instant.
-- Grain: one row per condition. Inputs: :since.
select distinct name, subject from stats.alert where ended_at >= :since;

-- name: upsert_alert
-- HOW: stores an episode as it is now.
-- Grain: one row per episode (name, subject, begun_at). Inputs: the episode as parameters.
insert into stats.alert (
    name, subject, begun_at, source, severity, owner, since, summary, runbook, command, first_day, last_day, numbers,
    last_seen_at, gone_at, notified_severity, last_notified_at, reminders, suppressed, due, delivered, undelivered_since, ended_at
)
values (
    :name, :subject, :begun_at, :source, :severity, :owner, :since, :summary, :runbook, :command, :first_day, :last_day,
    cast(:numbers as jsonb), :last_seen_at, :gone_at, :notified_severity, :last_notified_at, :reminders, :suppressed, :due,
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
    notified_severity = excluded.notified_severity,
    last_notified_at = excluded.last_notified_at,
    reminders = excluded.reminders,
    suppressed = excluded.suppressed,
    due = excluded.due,
    delivered = excluded.delivered,
    undelivered_since = excluded.undelivered_since,
    ended_at = excluded.ended_at;

-- name: delete_alert
-- HOW: deletes an episode that was over before anybody had to be notified.
-- Grain: one row. Inputs: :name, :subject, :begun_at.
delete from stats.alert
where name = :name and subject = :subject and begun_at = :begun_at and notified_severity is null;

-- name: upsert_failed_check
-- HOW: notes that a check failed; the time of its first failure in a row is kept.
-- Grain: one row per asset, check and partition. Inputs: the failure as parameters.
insert into stats.failed_check as f (asset, check_name, partition, severity, run_id, failed_at, detail)
values (:asset, :check_name, :partition, :severity, :run_id, :failed_at, :detail)
on conflict (asset, check_name, partition) do update set
    severity = excluded.severity,
    run_id = excluded.run_id,
    detail = excluded.detail,
    failed_at = least(f.failed_at, excluded.failed_at);

-- name: delete_passed_checks
-- HOW: deletes failures of partitions whose check passes now: all of the given ones that the run did not fail again.
-- Inputs: :asset, :check_name, :partitions (text array), :run_id.
delete from stats.failed_check
where asset = :asset and check_name = :check_name and partition = any (cast(:partitions as text[])) and run_id <> :run_id;
