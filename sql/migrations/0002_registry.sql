-- What numbers mean, as data: the build settings they follow, the published grains and the exclusions and folds.
set local search_path = pg_catalog, pg_temp;

create table if not exists stats.build_settings (
    only_row boolean primary key default true check (only_row),
    time_zone text not null,
    first_partition date not null,
    created_at timestamptz not null default now(),
    longest_range_days integer check (longest_range_days > 0),
    session_days_from date,
    hourly_clients uuid[] not null default '{}',
    hourly_campaigns uuid[] not null default '{}',
    linkage_days_before integer not null default 30 check (linkage_days_before between 1 and 400),
    linkage_minutes_after integer not null default 5 check (linkage_minutes_after between 0 and 1440)
);
alter table stats.build_settings enable row level security;

create table if not exists stats.definition_change (
    name text not null,
    value_before text not null,
    value_after text not null,
    reason text not null check (reason <> ''),
    author text not null check (author <> ''),
    changed_at timestamptz not null default clock_timestamp()
);
alter table stats.definition_change enable row level security;

create table if not exists stats.grain (
    name text primary key,
    position integer not null unique,
    key_columns text[] not null,
    by_client boolean generated always as ('client_id' = any (key_columns)) stored,
    by_entity boolean generated always as ('entity_id' = any (key_columns)) stored,
    by_link boolean generated always as ('link_id' = any (key_columns)) stored,
    by_utm_source boolean generated always as ('utm_source' = any (key_columns)) stored,
    by_utm_medium boolean generated always as ('utm_medium' = any (key_columns)) stored,
    by_utm_campaign boolean generated always as ('utm_campaign' = any (key_columns)) stored
);
alter table stats.grain enable row level security;

create table if not exists stats.exclusion (
    campaign_id uuid primary key,
    reason text not null check (reason <> ''),
    author text not null check (author <> ''),
    created_at timestamptz not null default now()
);
alter table stats.exclusion enable row level security;

create table if not exists stats.fold_rule (
    rule_no integer primary key,
    client_id uuid,
    field text not null check (field in ('utm_source', 'utm_medium', 'utm_campaign', 'link_id', 'entity_id')),
    kind text not null check (kind in ('values', 'prefix', 'all_except')),
    prefix text check ((kind = 'prefix') = (prefix is not null) and prefix <> ''),
    reason text not null check (reason <> ''),
    author text not null check (author <> ''),
    created_at timestamptz not null default clock_timestamp(),
    removed_at timestamptz,
    removed_reason text,
    removed_by text,
    constraint fold_rule_removed_check check (
        (removed_at is null) = (coalesce(removed_reason, '') = '') and (removed_at is null) = (coalesce(removed_by, '') = '')
    )
);
alter table stats.fold_rule enable row level security;

create table if not exists stats.fold_value (
    rule_no integer not null references stats.fold_rule,
    value text not null,
    primary key (rule_no, value)
);
alter table stats.fold_value enable row level security;
