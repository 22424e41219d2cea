-- What capture keeps beside the facts, which stay as they are: where a fact came from, and the facts the tables refused.
set local search_path = pg_catalog, pg_temp;

create table if not exists stats.fact_surface (
    fact text not null check (fact in ('visit', 'entry')),
    fact_id uuid not null,
    captured_at timestamptz not null default now(),
    surface text,
    first_touch jsonb,
    session_id text,
    missing_link_id uuid,
    linked_at timestamptz,
    looked_at timestamptz,
    primary key (fact, fact_id)
);
create index if not exists fact_surface_unlinked on stats.fact_surface (looked_at nulls first, captured_at)
    where fact = 'entry' and linked_at is null and session_id is not null;
alter table stats.fact_surface enable row level security;

create table if not exists stats.capture_setting (
    only_row boolean primary key default true check (only_row),
    letter_rows integer not null check (letter_rows > 0),
    letter_bytes bigint not null check (letter_bytes > 0)
);
insert into stats.capture_setting (letter_rows, letter_bytes) values (5000, 16777216) on conflict do nothing;
alter table stats.capture_setting enable row level security;

create table if not exists stats.dead_letter (
    fact text not null check (fact in ('visit', 'entry')),
    event_id uuid not null,
    client_id uuid,
    reason text not null,
    refused_columns text[] not null default '{}',
    payload jsonb,
    payload_bytes integer generated always as (octet_length(payload::text)) stored,
    received_at timestamptz not null default now(),
    failed_at timestamptz not null default now(),
    attempts integer not null default 1,
    next_try_at timestamptz not null default now(),
    replayed_at timestamptz,
    expired_at timestamptz,
    discarded_at timestamptz,
    discarded_by text,
    discarded_because text,
    check (num_nonnulls(discarded_at, discarded_by, discarded_because) in (0, 3)),
    primary key (fact, event_id)
);
-- Those that wait: what is due is found by its time, a client's share is counted from the index alone.
create index if not exists dead_letter_due on stats.dead_letter (next_try_at)
    where replayed_at is null and expired_at is null and discarded_at is null;
create index if not exists dead_letter_share on stats.dead_letter (client_id, payload_bytes)
    where replayed_at is null and expired_at is null and discarded_at is null;
alter table stats.dead_letter enable row level security;
