-- Numbers that heal themselves: passes of change detection, days that are kept as they are, the ledger of replaced days, the
-- history of exclusions.
set local search_path = pg_catalog, pg_temp;

create table if not exists stats.detection_pass (
    started_at timestamptz primary key,
    finished_at timestamptz not null,
    scope text not null,
    days_checked integer not null,
    days_changed integer not null,
    days_held integer not null default 0,
    out_of_range_hits bigint,
    out_of_range_conversions bigint
);
alter table stats.detection_pass enable row level security;

-- Of its own, not a column of partition_state: writing there would make a transaction that replaces the day fail.
create table if not exists stats.day_comparison (
    bucket_date date primary key,
    compared_at timestamptz not null,
    computed_at timestamptz
);
alter table stats.day_comparison enable row level security;

create table if not exists stats.kept_day (
    bucket_date date primary key,
    fingerprint text not null,
    clients uuid[],
    reason text not null check (reason <> ''),
    author text not null check (author <> ''),
    accepted_at timestamptz not null default clock_timestamp()
);
alter table stats.kept_day enable row level security;

create table if not exists stats.erased_day (
    bucket_date date not null,
    facts bigint not null,
    erased_at timestamptz not null default clock_timestamp()
);
alter table stats.erased_day enable row level security;

create table if not exists stats.day_ledger (
    entry_no bigint generated always as identity primary key,
    bucket_date date not null,
    grain text not null check (grain in ('platform', 'client')),
    client_id uuid,
    run_id text,
    cause text not null,
    reason text not null,
    author text not null,
    replaced_at timestamptz not null default clock_timestamp(),
    hits_before bigint not null,
    hits_after bigint not null,
    visits_before bigint not null,
    visits_after bigint not null,
    conversions_before bigint not null,
    conversions_after bigint not null
);
create index if not exists day_ledger_bucket_date_idx on stats.day_ledger (bucket_date, client_id);
alter table stats.day_ledger enable row level security;

create table if not exists stats.exclusion_change (
    campaign_id uuid not null,
    change text not null check (change in ('added', 'removed')),
    reason text not null check (reason <> ''),
    author text not null check (author <> ''),
    changed_at timestamptz not null default clock_timestamp()
);
alter table stats.exclusion_change enable row level security;
