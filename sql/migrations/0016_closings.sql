-- Closed months: what was published of a client's month, every later difference, and a chain of hashes over all of it.
-- Rows are added and never changed.
set local search_path = pg_catalog, pg_temp;

create table if not exists stats.closing (
    entry_no bigint primary key check (entry_no > 0),
    kind text not null check (kind in ('closed', 'adjusted', 'reopened')),
    client_id uuid not null,
    month date not null check (extract(day from month) = 1),
    last_day date not null,
    version integer not null check (version > 0),
    time_zone text not null,
    definition_version integer not null,
    as_of timestamptz,
    complete boolean,
    exceptions text[] not null default '{}',
    quality text[] not null default '{}',
    reason text,
    author text not null check (author <> ''),
    recorded_at timestamptz not null,
    previous_hash text not null,
    hash text not null check (hash ~ '^[0-9a-f]{64}$'),
    constraint closing_reason_check check (reason <> '' and (reason is not null or kind <> 'reopened' and exceptions = '{}')),
    -- Each text is one field of the text that is hashed, where a tab and a line end separate.
    constraint closing_text_check check (
        time_zone || coalesce(reason, '') || author
        || array_to_string(exceptions, '') || array_to_string(quality, '') !~ '[\t\n\r]'
    )
);
create unique index if not exists closing_once_idx on stats.closing (client_id, month, version, kind) where kind <> 'adjusted';
create index if not exists closing_month_idx on stats.closing (month, client_id, entry_no);
alter table stats.closing enable row level security;

-- An entry's row comes after its figures and days, because its hash is over them.
create table if not exists stats.closing_figure (
    entry_no bigint not null references stats.closing deferrable initially deferred,
    client_id uuid not null,
    grain text not null check (grain in ('client', 'campaign', 'link')),
    entity_type text,
    entity_id uuid,
    link_id uuid,
    link_status text,
    hits bigint not null,
    visits bigint not null,
    sessionless_hits bigint not null,
    conversions bigint not null
);
create unique index if not exists closing_figure_key on stats.closing_figure
    (entry_no, grain, entity_type, entity_id, link_id, link_status) nulls not distinct;
alter table stats.closing_figure enable row level security;

create table if not exists stats.closing_day (
    entry_no bigint not null references stats.closing deferrable initially deferred,
    client_id uuid not null,
    bucket_date date not null,
    day_fingerprint text,
    client_fingerprint text,
    causes text[] not null default '{}',
    primary key (entry_no, bucket_date)
);
alter table stats.closing_day enable row level security;

-- By the hash: an entry's number begins anew where closings were discarded.
create table if not exists stats.mailing (
    closing_hash text not null,
    recipient text not null check (recipient ~ '^[0-9a-f]{64}$'),
    state text not null check (state in ('sending', 'sent', 'refused')),
    changed_at timestamptz not null,
    reason text,
    primary key (closing_hash, recipient)
);
alter table stats.mailing enable row level security;

create table if not exists stats.closing_comparison (
    month date primary key,
    days_state text not null,
    compared_at timestamptz not null
);
alter table stats.closing_comparison enable row level security;
