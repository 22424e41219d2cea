-- What a day is stored as: session-days, the daily buckets of every grain (B3, M1-M5), the hours of listed clients and
-- campaigns (B1), and the state of the day. Partitions of buckets, one a grain, are made by stats.prepare_grain.
set local search_path = pg_catalog, pg_temp;

-- Two keys that have three values each are stored as enums: a read hashes and compares the keys of thousands of rows.
-- What is computed stays text; an assignment cast turns it where buckets are stored. Values are in alphabetical order,
-- so that sorting by the enum and by its text give one order.
do $$
begin
    if to_regtype('stats.entity_type') is null then
        create type stats.entity_type as enum ('campaign', 'unknown', 'webinar');
        create cast (text as stats.entity_type) with inout as assignment;
    end if;
    if to_regtype('stats.link_status') is null then
        create type stats.link_status as enum ('resolved', 'unknown', 'unresolved');
        create cast (text as stats.link_status) with inout as assignment;
    end if;
end
$$;

create table if not exists stats.session_days (
    bucket_date date not null,
    client_id uuid,
    entity_type text not null,
    entity_id uuid,
    link_id uuid,
    link_status text not null,
    utm_source text,
    utm_medium text,
    utm_campaign text,
    session_id text,
    hits integer not null,
    conversions integer not null
);
create index if not exists session_days_bucket_date_idx on stats.session_days (bucket_date);
alter table stats.session_days enable row level security;

create table if not exists stats.bucket_daily (
    grain text not null,
    bucket_date date not null,
    client_id uuid,
    entity_type stats.entity_type,
    entity_id uuid,
    link_id uuid,
    link_status stats.link_status,
    utm_source text,
    utm_medium text,
    utm_campaign text,
    hits bigint not null,
    visits bigint not null,
    sessionless_hits bigint not null,
    conversions bigint not null,
    constraint bucket_daily_measures_check check (
        hits >= visits + sessionless_hits and visits >= 0 and sessionless_hits >= 0 and conversions >= 0
        and (visits > 0 or hits = sessionless_hits)
    )
) partition by list (grain);
create index if not exists bucket_daily_bucket_date_idx on stats.bucket_daily (bucket_date);
alter table stats.bucket_daily enable row level security;

create table if not exists stats.partition_state (
    bucket_date date primary key,
    window_start timestamptz not null,
    window_end timestamptz not null,
    definition_version integer not null,
    grains text[] not null default '{}',
    session_days bigint not null default 0,
    hits bigint not null default 0,
    visits bigint not null default 0,
    sessionless_hits bigint not null default 0,
    conversions bigint not null default 0,
    unknown_link_hits bigint not null default 0,
    unresolved_link_hits bigint not null default 0,
    unknown_client_hits bigint not null default 0,
    excluded_hits bigint not null default 0,
    excluded_conversions bigint not null default 0,
    watermark timestamptz,
    run_id text,
    computed_at timestamptz,
    facts_at timestamptz,
    facts bigint,
    owned_facts bigint,
    folded_facts bigint,
    fact_ids numeric,
    fingerprint numeric,
    attribution_fingerprint numeric,
    definition text,
    day_fingerprint text generated always as (
        md5(fingerprint::text || ' ' || attribution_fingerprint::text || ' ' || definition)
    ) stored,
    stale_since timestamptz,
    stale_cause text,
    stale_clients uuid[],
    due boolean not null default false,
    held_since timestamptz,
    held_reason text,
    held_clients uuid[],
    losing_clients uuid[],
    histogram_pending boolean not null default true,
    histogram_included boolean not null default false,
    constraint partition_state_stale_check check (
        (stale_since is null) = (stale_cause is null) and (held_since is null) = (held_reason is null)
        and (held_since is null or stale_since is not null) and (stale_since is not null or not due)
    )
);
alter table stats.partition_state enable row level security;

-- What each client's part of a day was computed from; client_id NULL is the unknown client.
create table if not exists stats.client_day (
    bucket_date date not null,
    client_id uuid,
    facts bigint not null,
    folded_facts bigint not null,
    excluded_hits bigint not null,
    excluded_conversions bigint not null,
    fact_ids numeric not null,
    settled_fact_ids numeric not null,
    fingerprint numeric not null,
    attribution_fingerprint numeric,
    facts_at timestamptz not null
);
create unique index if not exists client_day_key on stats.client_day (bucket_date, client_id) nulls not distinct;
alter table stats.client_day enable row level security;

-- Hours start on UTC hours; the local date is part of the key, since a zone at :30 splits an hour over two days (T2).
create table if not exists stats.campaign_hourly (
    bucket_date date not null,
    bucket_hour timestamptz not null,
    client_id uuid,
    entity_type text not null,
    entity_id uuid,
    hits bigint not null,
    visits bigint not null,
    sessionless_hits bigint not null,
    conversions bigint not null
);
create unique index if not exists campaign_hourly_key
    on stats.campaign_hourly (client_id, bucket_date, bucket_hour, entity_type, entity_id) nulls not distinct;
create index if not exists campaign_hourly_bucket_date_idx on stats.campaign_hourly (bucket_date);
alter table stats.campaign_hourly enable row level security;
