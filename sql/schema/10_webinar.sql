-- Webinars: the ping of live pages (P3), the views of presence and legacy buckets, and reading concurrency (W2, W3).
set local search_path = pg_catalog, pg_temp;

select stats.set_aside('public.webinar_presence_ping(uuid)');

create or replace function stats.record_presence(p_webinar_id uuid, p_user_id uuid, p_at timestamptz) returns boolean
language plpgsql set search_path = pg_catalog, pg_temp
as $$
declare
    stored boolean;
begin
    -- One statement, of whose two upserts one has a row to write. A last_seen_at in the future was written before the
    -- clock was put back; it is corrected, or the viewer would never be seen leaving.
    with arriving as (
        select p_webinar_id as webinar_id, p_user_id as user_id, p_at as at,
               exists (select from public.webinars w where w.id = p_webinar_id) as is_known,
               (select s.presence_min_interval from stats.webinar_setting s) as min_interval
    ),
    seen as (
        insert into public.webinar_live_presence as p
            (webinar_id, user_id, joined_at, last_seen_at, created_at, updated_at)
        select a.webinar_id, a.user_id, a.at, a.at, a.at, a.at from arriving a where a.is_known
        on conflict (webinar_id, user_id) do update
        set last_seen_at = excluded.last_seen_at, updated_at = excluded.updated_at
        where p.last_seen_at <= excluded.last_seen_at - (select a.min_interval from arriving a)
           or p.last_seen_at > excluded.last_seen_at
        returning true
    ),
    strayed as (
        insert into stats.webinar_stray_ping as p (user_id, webinar_id, joined_at, last_seen_at)
        select a.user_id, a.webinar_id, a.at, a.at from arriving a where not a.is_known
        on conflict (user_id) do update
        set webinar_id = excluded.webinar_id, last_seen_at = excluded.last_seen_at,
            joined_at = case when p.webinar_id = excluded.webinar_id then p.joined_at else excluded.joined_at end
        where p.last_seen_at <= excluded.last_seen_at - (select a.min_interval from arriving a)
           or p.last_seen_at > excluded.last_seen_at
        returning true
    )
    select exists (select from seen) or exists (select from strayed) into stored;
    return stored;
end
$$;
comment on function stats.record_presence(uuid, uuid, timestamptz) is
    'Stores that the user was seen on the webinar at p_at; false when within the minimum interval of the last time. For the owner and webinar_presence_ping, which knows the caller.';
revoke execute on function stats.record_presence(uuid, uuid, timestamptz) from public;

create or replace function public.webinar_presence_ping(p_webinar_id uuid) returns boolean
language plpgsql security definer set search_path = pg_catalog, pg_temp
set timezone = 'UTC' set datestyle = 'ISO, YMD'
as $$
declare
    caller text := coalesce(nullif(current_setting('request.jwt.claims', true), ''), '{}')::jsonb ->> 'sub';
begin
    if caller is null or caller !~* '^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$'
       or stats.caller_role() <> 'authenticated' then
        raise exception using errcode = '42501', message = 'only a signed-in viewer can be present',
            hint = 'Call it with the viewer''s access token.';
    end if;
    if p_webinar_id is null then
        return false;
    end if;
    -- For this transaction: presence is worth nothing after three minutes, and a page need not wait for the disk. A
    -- server that crashes may forget the pings of its last second; the next ones are due within two minutes.
    perform set_config('synchronous_commit', 'off', true);
    return stats.record_presence(p_webinar_id, caller::uuid, clock_timestamp());
end
$$;
comment on function public.webinar_presence_ping(uuid) is
    'eventflow_pipeline: a live page says that its viewer (claim sub) is still there (P3). One upsert of the caller''s own row; true when stored, false when ignored because the last one was less than EVENTFLOW_WEBINAR_PRESENCE_MIN_SECONDS ago. A webinar without a row is no error (C2). Its transaction does not wait for the disk. Raises 42501 without a signed-in viewer. [readers]';
revoke execute on function public.webinar_presence_ping(uuid) from public;

create or replace function stats.capture_presence(p_webinar_id uuid, p_user_id uuid) returns boolean
language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
begin
    perform set_config('synchronous_commit', 'off', true);
    return stats.record_presence(p_webinar_id, p_user_id, clock_timestamp());
end
$$;
comment on function stats.capture_presence(uuid, uuid) is
    'webinar_presence_ping for the application that captures, which has checked the viewer''s token (P3): so it need not be able to act as any viewer of any screen. For eventflow_capture.';
grant execute on function stats.capture_presence(uuid, uuid) to eventflow_capture;

create or replace view stats.webinar_presence as
    select p.webinar_id, p.joined_at, p.last_seen_at from public.webinar_live_presence p
    union all
    select p.webinar_id, p.joined_at, p.last_seen_at from stats.webinar_stray_ping p;
comment on view stats.webinar_presence is
    'Presence, one row per webinar and viewer, without saying who: when they joined and were last seen.';

create or replace view stats.webinar_legacy_buckets as
    select l.webinar_id, l.time_bucket, l.sample_count, l.sum_participants, l.min_participants, l.max_participants,
           l.last_participants
    from public.webinar_access_logs l;
comment on view stats.webinar_legacy_buckets is
    'Five-minute buckets of the job this project replaces, as they are (W2): retries counted, zeros missing.';

-- Owned by each table's owner, so that row-level security does not hide rows from the pipeline.
do $$
declare
    shown record;
begin
    for shown in
        select v.view_name, v.table_name, c.relowner::regrole::text as owner
        from (values ('webinar_presence', 'webinar_live_presence'), ('webinar_legacy_buckets', 'webinar_access_logs'))
            as v (view_name, table_name)
        join pg_class c on c.oid = format('public.%I', v.table_name)::regclass
    loop
        execute format('grant select on stats.webinar_stray_ping to %s', shown.owner);
        perform stats.hand_view_over(shown.view_name, shown.table_name);
        execute format('grant select on stats.%I to eventflow_pipeline', shown.view_name);
    end loop;
end
$$;

select stats.set_aside('public.get_webinar_stats(uuid, date, date, text)');

create or replace function public.get_webinar_stats(
    p_webinar_id uuid, p_from date, p_to date, p_interval text default '5m'
) returns jsonb
language plpgsql stable security definer set search_path = pg_catalog, pg_temp set plan_cache_mode = force_custom_plan
set timezone = 'UTC' set datestyle = 'ISO, YMD'
as $$
declare
    webinar record;
    step interval := case p_interval when '5m' then interval '5 minutes' when '15m' then interval '15 minutes'
                                     when '1h' then interval '1 hour' end;
    readable uuid[];
    state record;
begin
    select w.client_id, w.title, w.webinar_start_time into webinar from stats.webinars w where w.id = p_webinar_id;
    readable := stats.readable_clients(webinar.client_id);
    if webinar.client_id is null and readable is not null then
        raise exception using errcode = '42501', message = 'you may not see this webinar',
            hint = 'Ask for a webinar of a client you are a member of.';
    end if;
    perform stats.require_bounds(p_from, p_to);
    if step is null then
        raise exception using errcode = 'ST007', message = format('there is no interval %L', left(p_interval, 100)),
            hint = 'Use 5m, 15m or 1h.';
    end if;
    -- Days still to come are not missing.
    select least(min(s.computed_at), (select r.as_of from stats.range_state(p_from, p_to, webinar.client_id) r)) as as_of,
           -- Traffic counted from session-days that have been replaced since is as old as they are.
           count(s.bucket_date) filter (where s.derived_from = p.day_fingerprint) = count(days.day)
               and count(p.stale_since) filter (
                   where webinar.client_id is null or p.stale_clients is null or webinar.client_id = any (p.stale_clients)
               ) = 0
               and p_from >= (select c.first_partition from stats.build_settings c) as complete
    into state
    from generate_series(
        p_from, least(p_to, stats.today()), interval '1 day'
    ) as days (day)
    left join stats.webinar_day_state s on s.bucket_date = days.day::date
    left join stats.partition_state p on p.bucket_date = days.day::date;
    -- What there can be numbers of, as for the other screens (stats.screen_range).
    select d.first_day, d.last_day into p_from, p_to
    from (
        select greatest(p_from, c.first_partition) as first_day, least(p_to, stats.today()) as last_day
        from stats.build_settings c
    ) d
    where d.first_day <= d.last_day;
    return (
        with bucket as materialized (
            select b.bucket_start, date_bin(step, b.bucket_start, timestamptz '2000-01-01 00:00+00') as starts, b.source,
                   b.sample_count, b.gaps, b.sum_viewers, b.min_viewers, b.max_viewers, b.last_viewers, b.max_at
            from stats.webinar_stats_5min b
            where b.webinar_id = p_webinar_id and b.bucket_date between p_from and p_to
        ),
        chosen as (
            -- One source an interval: ours where it holds a sample, else the legacy job's, else our gap.
            select distinct on (b.starts) b.starts, b.source
            from bucket b
            order by b.starts, (b.source = 'sampled' and b.sample_count > 0) desc, b.source = 'legacy' desc
        ),
        measured as (
            select b.starts, b.source, sum(b.sample_count) as sample_count, sum(b.gaps) as gaps,
                   min(b.min_viewers) as min_viewers, max(b.max_viewers) as max_viewers,
                   sum(b.sum_viewers)::numeric / nullif(sum(b.sample_count), 0) as avg_viewers,
                   (array_agg(b.last_viewers order by b.bucket_start desc) filter (where b.sample_count > 0))[1] as last_viewers,
                   (array_agg(b.max_at order by b.max_viewers desc, b.max_at) filter (where b.max_viewers > 0))[1] as max_at
            from bucket b
            join chosen c on c.starts = b.starts and c.source = b.source
            group by b.starts, b.source
        ),
        day as (
            select d.*
            from stats.webinar_stats_daily d
            where d.webinar_id = p_webinar_id and d.bucket_date between p_from and p_to
        )
        select jsonb_build_object(
            'webinar_id', p_webinar_id, 'title', webinar.title, 'webinar_start_time', webinar.webinar_start_time,
            'from', p_from, 'to', p_to, 'interval', p_interval,
            'peak', (
                select jsonb_build_object('viewers', m.max_viewers, 'at', m.max_at, 'source', m.source)
                from measured m
                where m.max_viewers is not null
                order by m.max_viewers desc, m.max_at
                limit 1
            ),
            'series', coalesce((
                select jsonb_agg(jsonb_build_object(
                    'start', m.starts, 'source', m.source, 'sample_count', m.sample_count, 'gaps', m.gaps,
                    'min', m.min_viewers, 'max', m.max_viewers, 'avg', round(m.avg_viewers, 2), 'last', m.last_viewers
                ) order by m.starts)
                from measured m
            ), '[]'),
            'conversions', (select coalesce(sum(d.conversions), 0) from day d),
            'days', coalesce((
                select jsonb_agg(jsonb_build_object(
                    'date', d.bucket_date, 'source', d.source, 'peak', d.peak_viewers, 'peak_at', d.peak_at,
                    'avg_live', round(d.avg_viewers_live, 2), 'minutes_observed', d.minutes_observed,
                    'minutes_missed', d.minutes_missed, 'unique_viewers', d.unique_viewers, 'hits', d.hits,
                    'visits', d.visits, 'conversions', d.conversions, 'cvr', stats.share(d.conversions, d.visits),
                    'campaign_shared', d.campaign_shared
                ) order by d.bucket_date)
                from day d
            ), '[]'),
            'as_of', state.as_of, 'complete', state.complete
        )
    );
end
$$;
comment on function public.get_webinar_stats(uuid, date, date, text) is
    'eventflow_pipeline: concurrency of a webinar over inclusive local dates (T3) in intervals of 5m, 15m or 1h, with its peak, and its days with visits and conversions (W3). Each interval has one source, sampled or legacy. Visits are of single days: do not add them up. from, to: the days covered, from the first partition to today. Raises 42501, ST002, ST008, ST009, ST007 (unknown interval). [readers]';
revoke execute on function public.get_webinar_stats(uuid, date, date, text) from public;
