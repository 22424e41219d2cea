-- Alerts to people: one row per incident, from its beginning to its end, whom it was sent to and what was made of it.
-- A message is sent first and marked here afterwards, so a crash in between repeats it and never loses it.
set local search_path = pg_catalog, pg_temp;

create table if not exists stats.incident (
    key text primary key,
    name text not null,
    subject text not null,
    client_id uuid,
    begun_at timestamptz not null,
    source text not null,
    severity text not null check (severity in ('warn', 'error')),
    owner text not null,
    since timestamptz not null,
    summary text not null,
    fix text not null,
    runbook text not null,
    command text not null,
    page text not null default '',
    first_day date,
    last_day date,
    own_days date[] not null default '{}',
    final boolean not null default false,
    numbers jsonb not null default '{}',
    last_seen_at timestamptz not null,
    gone_at timestamptz,
    notified_severity text check (notified_severity in ('warn', 'error')),
    last_notified_at timestamptz,
    suppressed bigint not null default 0,
    due text check (due in ('begin', 'worse', 'still', 'acknowledged', 'escalated', 'digest', 'end')),
    delivered text[] not null default '{}',
    undelivered_since timestamptz,
    acknowledged_at timestamptz,
    muted_until timestamptz,
    closed_at timestamptz,
    escalated_at timestamptz,
    answered_by text,
    reason text,
    false_alarm boolean not null default false,
    ended_at timestamptz
);
create index if not exists incident_live_idx on stats.incident (name, subject) where ended_at is null or gone_at is null;
create index if not exists incident_begun_at_idx on stats.incident (begun_at);
create index if not exists incident_ended_at_idx on stats.incident (ended_at);
alter table stats.incident enable row level security;

create table if not exists stats.maintenance_window (
    condition text,
    client_id uuid,
    from_at timestamptz not null,
    until timestamptz not null check (until > from_at),
    reason text not null,
    author text not null
);
create index if not exists maintenance_window_until_idx on stats.maintenance_window (until);
alter table stats.maintenance_window enable row level security;

create table if not exists stats.failed_check (
    asset text not null,
    check_name text not null,
    partition text not null,
    -- Whom the finding is about: the id of a client, or empty for all and for the unknown one.
    client text not null default '',
    severity text not null check (severity in ('warn', 'error')),
    run_id text not null,
    failed_at timestamptz not null,
    detail text not null default '',
    primary key (asset, check_name, partition, client)
);
alter table stats.failed_check enable row level security;
