-- Webinar concurrency (C3): samples, five-minute buckets, days (W1-W3) and what is known of each computed day.
set local search_path = pg_catalog, pg_temp;

create table if not exists stats.webinar_sample (
    webinar_id uuid not null,
    sampled_minute timestamptz not null check (sampled_minute = date_trunc('minute', sampled_minute, 'UTC')),
    viewers integer not null check (viewers >= 0),
    sampled_at timestamptz not null,
    primary key (webinar_id, sampled_minute)
);
comment on table stats.webinar_sample is
    'One sample per webinar and minute (W1): viewers active at sampled_at, the first instant of that minute at which a sampler looked. A minute nobody looked has no row. Never recomputed: presence is overwritten, so these rows are facts.';
create index if not exists webinar_sample_sampled_minute_idx on stats.webinar_sample (sampled_minute);

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
comment on table stats.webinar_stats_5min is
    'Concurrency of a webinar in five minutes (W2), UTC floor. sampled: from stats.webinar_sample; gaps = minutes that should have been sampled and were not (all of them when sample_count is 0). legacy: rows of webinar_access_logs as they are; gaps unknown. The two are never put together.';
create index if not exists webinar_stats_5min_bucket_date_idx on stats.webinar_stats_5min (bucket_date);

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
comment on table stats.webinar_stats_daily is
    'A webinar''s business day: peak, when, and average while live (W2; source says of which buckets), minutes observed and missed, unique viewers by presence (NULL: not known), and the visits and conversions of the webinar and its registration campaign (W3; NULL: the day''s session-days are not computed). campaign_shared: another webinar names the same campaign, so these rows do not add up; stats.webinar_client_daily does not count twice.';

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
comment on table stats.webinar_client_daily is
    'All webinars of a client on a business day: distinct sessions and entries of the webinars and their registration campaigns, each campaign once however many webinars name it (W3); peak_viewers is the highest of a single webinar.';

create table if not exists stats.webinar_day_state (
    bucket_date date primary key,
    inputs text not null,
    webinars integer not null,
    minutes_observed integer not null,
    minutes_missed integer not null,
    run_id text,
    computed_at timestamptz not null
);
comment on table stats.webinar_day_state is
    'What is known of each computed day of webinar statistics: a hash of what it was computed from (samples, legacy rows, webinars, the day''s session-days), which run and when. Written in the transaction that replaces the day.';

do $$
declare
    owned text;
begin
    foreach owned in array array[
        'webinar_sample', 'webinar_stats_5min', 'webinar_stats_daily', 'webinar_client_daily', 'webinar_day_state'
    ] loop
        execute format('alter table stats.%I enable row level security', owned);
        execute format('drop policy if exists pipeline_all on stats.%I', owned);
        execute format(
            'create policy pipeline_all on stats.%I to eventflow_pipeline using (true) with check (true)', owned);
        execute format('grant select, insert, update, delete on stats.%I to eventflow_pipeline', owned);
    end loop;
    -- Samples are facts: they are added and never changed.
    revoke update, delete on stats.webinar_sample from eventflow_pipeline;
    foreach owned in array array['webinar_stats_5min', 'webinar_stats_daily', 'webinar_client_daily'] loop
        execute format('drop policy if exists tenant_read on stats.%I', owned);
        execute format($policy$
            create policy tenant_read on stats.%I for select
            using ((select stats.caller_sees_all()) or client_id = any ((select stats.caller_clients())::uuid[]))
        $policy$, owned);
    end loop;
    foreach owned in array array['webinar_sample', 'webinar_day_state'] loop
        execute format('drop policy if exists all_read on stats.%I', owned);
        execute format('create policy all_read on stats.%I for select using ((select stats.caller_sees_all()))', owned);
    end loop;
end
$$;
select stats.grant_readers();
