-- The current day brought up to date by the facts that were added to it: what such a day remembers, and in the ledger which
-- publications were whole ones.
set local search_path = pg_catalog, pg_temp;

create table if not exists stats.delta_day (
    bucket_date date primary key,
    whole_at timestamptz not null,
    counted uuid[] not null,
    deltas bigint not null default 0,
    differing bigint not null default 0,
    told_at timestamptz
);
alter table stats.delta_day enable row level security;

-- NULL: nothing was published (a day that is kept, a check that is accepted).
alter table stats.day_ledger add column if not exists published text check (published in ('whole', 'delta'));

-- Sessionless hits and entries have no session to be found by.
create index if not exists session_days_sessionless_idx on stats.session_days (bucket_date) where session_id is null;
