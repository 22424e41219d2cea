-- Webinars: presence of viewers without a webinar, samples, five-minute buckets, days (C3, W1-W3, P3).
set local search_path = pg_catalog, pg_temp;

create table if not exists stats.webinar_setting (
    only_row boolean primary key default true check (only_row),
    presence_min_interval interval not null check (presence_min_interval >= interval '0')
);

insert into stats.webinar_setting (presence_min_interval) values (interval '60 seconds') on conflict do nothing;
alter table stats.webinar_setting enable row level security;

create table if not exists stats.webinar_stray_ping (
    user_id uuid primary key,
    webinar_id uuid not null,
    joined_at timestamptz not null,
    last_seen_at timestamptz not null
);
alter table stats.webinar_stray_ping enable row level security;

create table if not exists stats.webinar_sample (
    webinar_id uuid not null,
    sampled_minute timestamptz not null check (sampled_minute = date_trunc('minute', sampled_minute, 'UTC')),
    viewers integer not null check (viewers >= 0),
    sampled_at timestamptz not null,
    primary key (webinar_id, sampled_minute)
);
create index if not exists webinar_sample_sampled_minute_idx on stats.webinar_sample (sampled_minute);
alter table stats.webinar_sample enable row level security;

create table if not exists stats.webinar_stats_5min (
    bucket_date date not null,
    client_id uuid,
    webinar_id uuid not null,
    bucket_start timestamptz not null,
    source text not null check (source in ('sampled', 'legacy')),
    sample_count integer not null,
    sum_viewers bigint,
    min_viewers integer,
    max_viewers integer,
    avg_viewers numeric,
    last_viewers integer,
    max_at timestamptz,
    gaps integer,
    primary key (webinar_id, bucket_start, source),
    constraint webinar_stats_5min_sampled_check check (
        source = 'legacy'
        or (sample_count between 0 and 5 and gaps between 0 and 5 - sample_count
            and (sample_count = 0) = (max_viewers is null))
    )
);
create index if not exists webinar_stats_5min_bucket_date_idx on stats.webinar_stats_5min (bucket_date);
alter table stats.webinar_stats_5min enable row level security;

create table if not exists stats.webinar_stats_daily (
    bucket_date date not null,
    client_id uuid,
    webinar_id uuid not null,
    source text check (source in ('sampled', 'legacy')),
    peak_viewers integer,
    peak_at timestamptz,
    avg_viewers_live numeric,
    minutes_observed integer,
    minutes_missed integer,
    unique_viewers integer,
    hits bigint,
    visits bigint,
    conversions bigint,
    campaign_shared boolean not null,
    primary key (bucket_date, webinar_id)
);
alter table stats.webinar_stats_daily enable row level security;

create table if not exists stats.webinar_client_daily (
    bucket_date date not null,
    client_id uuid,
    webinars integer not null,
    shared_campaigns integer not null,
    peak_viewers integer,
    hits bigint,
    visits bigint,
    conversions bigint,
    constraint webinar_client_daily_key unique nulls not distinct (bucket_date, client_id)
);
alter table stats.webinar_client_daily enable row level security;

create table if not exists stats.webinar_day_state (
    bucket_date date primary key,
    inputs text not null,
    derived_from text,
    webinars integer not null,
    minutes_observed integer not null,
    minutes_missed integer not null,
    run_id text,
    computed_at timestamptz not null
);
alter table stats.webinar_day_state enable row level security;
