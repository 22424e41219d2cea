-- Data-quality indicators (Q1-Q7) per client and business day and for all clients, and the thresholds clients have of
-- their own. Derived from facts like buckets: never an input of a number, only of judgement.
set local search_path = pg_catalog, pg_temp;

create table if not exists stats.quality_daily (
    bucket_date date not null,
    scope text not null check (scope in ('platform', 'client')),
    client_id uuid,
    hits bigint not null,
    visits bigint not null,
    entries bigint not null,
    sessionless_hits bigint not null,
    sessionless_entries bigint not null,
    captured_utm_hits bigint not null,
    captured_utm_entries bigint not null,
    utm_hits bigint not null,
    utm_entries bigint not null,
    resolved_link_hits bigint not null,
    resolved_link_entries bigint not null,
    unresolved_link_hits bigint not null,
    unresolved_link_entries bigint not null,
    unknown_link_hits bigint not null,
    unknown_link_entries bigint not null,
    unknown_client_hits bigint not null,
    unknown_client_entries bigint not null,
    unknown_entity_hits bigint not null,
    unknown_entity_entries bigint not null,
    supplied_cid_hits bigint not null,
    supplied_cid_entries bigint not null,
    malformed_cid_hits bigint not null,
    malformed_cid_entries bigint not null,
    foreign_entries bigint not null,
    excluded_hits bigint not null,
    excluded_entries bigint not null,
    out_of_range_hits bigint,
    out_of_range_entries bigint,
    suspected_clones jsonb not null default '[]',
    busiest_sessions jsonb not null default '[]',
    linked_entries bigint,
    linkage_input text,
    derived_from text,
    measured_at timestamptz not null,
    constraint quality_daily_client_check check (scope = 'client' or client_id is null)
);
create unique index if not exists quality_daily_key
    on stats.quality_daily (client_id, bucket_date, scope) nulls not distinct;
create index if not exists quality_daily_bucket_date_idx on stats.quality_daily (bucket_date);
alter table stats.quality_daily enable row level security;

create table if not exists stats.day_check (
    bucket_date date not null,
    checks text not null check (checks in ('parity', 'quality')),
    derived_from text not null,
    checked_at timestamptz not null,
    primary key (bucket_date, checks)
);
alter table stats.day_check enable row level security;

create table if not exists stats.threshold_override (
    client_id uuid not null,
    name text not null,
    warn double precision,
    error double precision,
    reason text not null check (reason <> ''),
    author text not null check (author <> ''),
    created_at timestamptz not null default now(),
    primary key (client_id, name)
);
alter table stats.threshold_override enable row level security;

create table if not exists stats.accepted_check (
    check_name text not null,
    bucket_date date not null,
    -- NULL: whoever the check fails for.
    client_id uuid,
    fingerprint text not null,
    reason text not null check (reason <> ''),
    author text not null check (author <> ''),
    accepted_at timestamptz not null default clock_timestamp(),
    unique nulls not distinct (check_name, bucket_date, client_id)
);
alter table stats.accepted_check enable row level security;
