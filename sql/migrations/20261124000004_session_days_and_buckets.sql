-- The session-days and the daily buckets of every grain (B3, M1-M5).
set local search_path = pg_catalog, pg_temp;

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
comment on table stats.session_days is
    'Session-days (M6): one row per business day, attribution and session, the de-duplicated and attributed form of the facts. Sessionless hits and entries share the row whose session_id is NULL. Every daily bucket is counted from here.';
create index if not exists session_days_bucket_date_idx on stats.session_days (bucket_date);

create table if not exists stats.bucket_daily (
    grain text not null,
    bucket_date date not null,
    client_id uuid,
    entity_type text,
    entity_id uuid,
    link_id uuid,
    link_status text,
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
comment on table stats.bucket_daily is
    'Daily buckets, one row per grain, business day and member (B3). Columns that are no key of the grain are NULL; in a key, NULL is the unknown member. visits = COUNT(DISTINCT session_id), exact at its own grain (M2): never add it up.';

create unique index if not exists bucket_daily_key on stats.bucket_daily (
    grain, client_id, bucket_date, entity_type, entity_id, link_id, link_status, utm_source, utm_medium, utm_campaign
) nulls not distinct;
create index if not exists bucket_daily_bucket_date_idx on stats.bucket_daily (bucket_date);

do $$
declare
    member text;
begin
    for member in select name from stats.grain loop
        execute format('create table if not exists stats.%I partition of stats.bucket_daily for values in (%L)',
                       member || '_daily', member);
    end loop;
end
$$;

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
    fingerprint numeric,
    attribution_fingerprint numeric,
    definition text,
    stale_since timestamptz,
    stale_cause text,
    held_since timestamptz,
    held_reason text,
    constraint partition_state_stale_check check (
        (stale_since is null) = (stale_cause is null) and (held_since is null) = (held_reason is null)
        and (held_since is null or stale_since is not null)
    )
);
comment on table stats.partition_state is
    'What is known of each business day that was computed or has facts: totals of its buckets, what was excluded (E3), the newest created_at among its facts (watermark), which run computed it and when, and the fingerprint of what it was computed from. Written in the transaction that replaces the day; stale_* and held_* by change detection. computed_at NULL: the day has facts and was never computed.';
comment on column stats.partition_state.facts_at is 'Start of the transaction that computed the day: facts committed before it are in.';
comment on column stats.partition_state.facts is 'Visit hits and entries the day was computed from, excluded ones included.';
comment on column stats.partition_state.owned_facts is 'Facts whose client was known.';
comment on column stats.partition_state.fingerprint is
    'Sum of the 64-bit hashes of the facts: every column the computation reads, id included.';
comment on column stats.partition_state.attribution_fingerprint is
    'Sum of the 64-bit hashes of what dimensions and exclusions made of each fact.';
comment on column stats.partition_state.definition is
    'What the numbers meant when the day was computed: version, zone, grains, relevant settings.';
comment on column stats.partition_state.stale_since is
    'When change detection first found that the facts, dimensions or definition differ from what the day was computed from; NULL: they do not.';
comment on column stats.partition_state.stale_cause is 'Why: never_computed, facts_added, facts_deleted, facts_changed, dimensions_vanished, dimensions_changed, exclusions_changed or definition_changed.';
comment on column stats.partition_state.held_since is
    'Since when the guard against mass loss keeps the old buckets; held_reason says why. `eventflow heal --accept` applies the change.';

do $$
declare
    owned text;
begin
    foreach owned in array array['session_days', 'bucket_daily', 'partition_state'] ||
        (select array_agg(name || '_daily') from stats.grain)
    loop
        execute format('alter table stats.%I enable row level security', owned);
        execute format('drop policy if exists pipeline_all on stats.%I', owned);
        execute format('create policy pipeline_all on stats.%I to eventflow_pipeline using (true) with check (true)', owned);
        execute format('grant select, insert, update, delete on stats.%I to eventflow_pipeline', owned);
    end loop;
end
$$;
