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
    compared_from date,
    recent_from date,
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

-- What the facts of the latest days amount to, by chunk of five minutes: of a day, how all its chunks were last compared;
-- of a chunk, the versions of its rows; by member, what a day's counts are made of.
create table if not exists stats.chunked_day (
    bucket_date date primary key,
    compared_at timestamptz not null,
    inputs text not null
);
alter table stats.chunked_day enable row level security;

create table if not exists stats.chunk (
    bucket_date date not null,
    chunk_start timestamptz not null,
    row_versions numeric not null,
    fact_hash numeric not null,
    attribution_hash numeric not null,
    primary key (bucket_date, chunk_start)
);
alter table stats.chunk enable row level security;

create table if not exists stats.chunk_member (
    bucket_date date not null,
    chunk_start timestamptz not null,
    client_id uuid,
    entity_type text not null,
    entity_id uuid,
    excluded boolean not null,
    hits bigint not null,
    conversions bigint not null,
    linked_facts bigint not null,
    folded_facts bigint not null,
    fact_hash numeric not null,
    attribution_hash numeric not null
);
create index if not exists chunk_member_chunk_idx on stats.chunk_member (bucket_date, chunk_start);
alter table stats.chunk_member enable row level security;

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
