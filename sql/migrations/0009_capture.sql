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

create table if not exists stats.dead_letter (
    fact text not null check (fact in ('visit', 'entry')),
    event_id uuid not null,
    reason text not null,
    refused_columns text[] not null default '{}',
    payload jsonb,
    received_at timestamptz not null default now(),
    failed_at timestamptz not null default now(),
    attempts integer not null default 1,
    replayed_at timestamptz,
    expired_at timestamptz,
    primary key (fact, event_id)
);
create index if not exists dead_letter_waiting on stats.dead_letter (failed_at) where payload is not null;
alter table stats.dead_letter enable row level security;
