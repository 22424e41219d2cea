-- Alerts to people: one row per episode of a condition, from its beginning to its end, and whom it was sent to.
-- A message is sent first and marked here afterwards, so a crash in between repeats it and never loses it.
set local search_path = pg_catalog, pg_temp;

create table if not exists stats.alert (
    name text not null,
    subject text not null,
    begun_at timestamptz not null,
    source text not null,
    severity text not null check (severity in ('warn', 'error')),
    owner text not null,
    since timestamptz not null,
    summary text not null,
    runbook text not null,
    command text not null,
    first_day date,
    last_day date,
    numbers jsonb not null default '{}',
    last_seen_at timestamptz not null,
    gone_at timestamptz,
    notified_severity text check (notified_severity in ('warn', 'error')),
    last_notified_at timestamptz,
    reminders integer not null default 0,
    suppressed bigint not null default 0,
    due text check (due in ('begin', 'worse', 'reminder', 'end')),
    delivered text[] not null default '{}',
    undelivered_since timestamptz,
    ended_at timestamptz,
    primary key (name, subject, begun_at)
);
create unique index if not exists alert_open_key on stats.alert (name, subject) where ended_at is null;
create index if not exists alert_ended_at_idx on stats.alert (ended_at);
alter table stats.alert enable row level security;

create table if not exists stats.failed_check (
    asset text not null,
    check_name text not null,
    partition text not null,
    severity text not null check (severity in ('warn', 'error')),
    run_id text not null,
    failed_at timestamptz not null,
    detail text not null default '',
    primary key (asset, check_name, partition)
);
alter table stats.failed_check enable row level security;
