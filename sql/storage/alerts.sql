-- Episodes of conditions that people were notified of, and failed checks.

-- name: select_live_incidents
-- WHAT: incidents whose end nobody was notified of yet, those that were closed and still hold, and those told for good.
-- Grain: one row per incident. Inputs: :told_since, from when on what was told for good is remembered.
select *
from stats.incident
where ended_at is null or gone_at is null
union all
select *
from stats.incident
where ended_at is not null and gone_at is not null and final and begun_at >= :told_since
order by severity, since, name, subject, key;

-- name: select_incidents
-- WHAT: incidents that are open, and with :ended_since those that ended since. The most severe first.
-- Grain: one row per incident.
select *
from stats.incident
where ended_at is null or ended_at >= cast(:ended_since as timestamptz)
order by ended_at nulls first, severity, since, name, subject, key;

-- name: select_incident
-- WHAT: incidents whose key begins with :key, two at most.
-- Grain: one row per incident.
select * from stats.incident where starts_with(key, :key) order by key limit 2;

-- name: select_ended_incidents
-- WHAT: conditions whose end people were notified of since an instant.
-- Grain: one row per condition. Inputs: :since.
select distinct name, subject from stats.incident where ended_at >= :since;

-- name: select_told_live
-- WHAT: days of which people were told, while they lasted, that a client's visits are missing or a stream is quiet.
-- Grain: one row per incident. Inputs: :since.
select client_id, coalesce(first_day, begun_day) as first_day, coalesce(last_day, begun_day) as last_day
from stats.incident
cross join lateral (
    select (begun_at at time zone (select c.time_zone from stats.build_settings c))::date as begun_day
) d
where name in ('deficit', 'deficit_day', 'silence') and notified_severity is not null and client_id is not null
  and begun_at >= :since;

-- name: upsert_incident
-- HOW: stores an incident as it is now.
-- Grain: one row per incident. Inputs: the incident as parameters.
insert into stats.incident (
    key, name, subject, client_id, begun_at, source, severity, owner, since, summary, fix, runbook, command, page,
    first_day, last_day, own_days, final, numbers, last_seen_at, gone_at, notified_severity, last_notified_at,
    suppressed, due, delivered, undelivered_since, acknowledged_at, muted_until, closed_at, escalated_at,
    answered_by, reason, false_alarm, ended_at
)
values (
    :key, :name, :subject, :client_id, :begun_at, :source, :severity, :owner, :since, :summary, :fix, :runbook,
    :command, :page, :first_day, :last_day, cast(:own_days as date[]), :final, cast(:numbers as jsonb),
    :last_seen_at, :gone_at, :notified_severity, :last_notified_at, :suppressed, :due, cast(:delivered as text[]),
    :undelivered_since, :acknowledged_at, :muted_until, :closed_at, :escalated_at, :answered_by, :reason, :false_alarm,
    :ended_at
)
on conflict (key) do update set
    source = excluded.source,
    severity = excluded.severity,
    owner = excluded.owner,
    since = excluded.since,
    summary = excluded.summary,
    fix = excluded.fix,
    runbook = excluded.runbook,
    command = excluded.command,
    page = excluded.page,
    first_day = excluded.first_day,
    last_day = excluded.last_day,
    own_days = excluded.own_days,
    final = excluded.final,
    numbers = excluded.numbers,
    last_seen_at = excluded.last_seen_at,
    gone_at = excluded.gone_at,
    notified_severity = excluded.notified_severity,
    last_notified_at = excluded.last_notified_at,
    suppressed = excluded.suppressed,
    due = excluded.due,
    delivered = excluded.delivered,
    undelivered_since = excluded.undelivered_since,
    acknowledged_at = excluded.acknowledged_at,
    muted_until = excluded.muted_until,
    closed_at = excluded.closed_at,
    escalated_at = excluded.escalated_at,
    answered_by = excluded.answered_by,
    reason = excluded.reason,
    false_alarm = excluded.false_alarm,
    ended_at = excluded.ended_at;

-- name: delete_incident
-- HOW: deletes an incident that was over before anybody had to be notified.
-- Grain: one row. Inputs: :key.
delete from stats.incident where key = :key and notified_severity is null;

-- name: select_maintenance_windows
-- WHAT: windows that are not over. Grain: one row per window. Inputs: :now.
select condition, client_id, from_at, until
from stats.maintenance_window
where until > :now and ended_at is null
order by from_at, condition, client_id;

-- name: insert_maintenance_window
-- HOW: adds a window. Inputs: the window as parameters.
insert into stats.maintenance_window (condition, client_id, from_at, until, reason, author)
values (:condition, :client_id, :from_at, :until, :reason, :author);

-- name: end_maintenance_windows
-- HOW: ends the windows of exactly this condition and client (NULL: any), announced ones included.
-- Grain: one row per window. Inputs: :condition, :client_id, :now, :reason, :author.
update stats.maintenance_window
set ended_at = :now, ended_by = :author, ended_reason = :reason
where until > :now and ended_at is null
  and condition is not distinct from cast(:condition as text)
  and client_id is not distinct from cast(:client_id as uuid)
returning condition, client_id, from_at, until;

-- name: upsert_failed_check
-- HOW: notes that a check failed for a client; the time of its first failure in a row is kept.
-- Grain: one row per asset, check, partition and client. Inputs: the failure as parameters.
insert into stats.failed_check as f (asset, check_name, partition, client, severity, run_id, failed_at, detail)
values (:asset, :check_name, :partition, :client, :severity, :run_id, :failed_at, :detail)
on conflict (asset, check_name, partition, client) do update set
    severity = excluded.severity,
    run_id = excluded.run_id,
    detail = excluded.detail,
    failed_at = least(f.failed_at, excluded.failed_at);

-- name: delete_other_failed_checks
-- HOW: deletes failures of a partition that its newest evaluation found no more: those of other clients.
-- Inputs: :asset, :check_name, :partition, :clients (text array).
delete from stats.failed_check
where asset = :asset and check_name = :check_name and partition = :partition
  and client <> all (cast(:clients as text[]));

-- name: delete_accepted_failures
-- HOW: deletes failures that somebody accepted. Inputs: :check_name, :days (text array), :client (NULL: whoever it fails
-- for).
delete from stats.failed_check
where check_name = :check_name and partition = any (cast(:days as text[]))
  and (cast(:client as text) is null or client = :client);

-- name: delete_passed_checks
-- HOW: deletes failures of partitions whose check passes now: all of the given ones that the run did not fail again.
-- Inputs: :asset, :check_name, :partitions (text array), :run_id.
delete from stats.failed_check
where asset = :asset and check_name = :check_name and partition = any (cast(:partitions as text[])) and run_id <> :run_id;
