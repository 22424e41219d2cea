-- Links that show one client's numbers of one range to whoever has them, until they expire or are revoked.
set local search_path = pg_catalog, pg_temp;

create table if not exists stats.share_link (
    share_id uuid primary key default gen_random_uuid(),
    client_id uuid not null,
    first_day date not null,
    last_day date not null check (last_day >= first_day),
    created_at timestamptz not null default now(),
    created_by text not null check (created_by <> ''),
    expires_at timestamptz not null check (expires_at > created_at),
    revoked_at timestamptz,
    revoked_by text check (revoked_by <> ''),
    check ((revoked_at is null) = (revoked_by is null))
);
alter table stats.share_link enable row level security;
