-- Webinar presence: the ping of live pages (P3) and the views through which presence and legacy buckets are read.
set local search_path = pg_catalog, pg_temp;

select stats.set_aside('public.webinar_presence_ping(uuid)');

create table if not exists stats.webinar_setting (
    only_row boolean primary key default true check (only_row),
    presence_min_interval interval not null check (presence_min_interval >= interval '0')
);
comment on table stats.webinar_setting is
    'What the ping must know and SQL cannot read from the environment: EVENTFLOW_WEBINAR_PRESENCE_MIN_SECONDS, written by every `eventflow migrate`. One row.';
insert into stats.webinar_setting (presence_min_interval) values (interval '60 seconds') on conflict do nothing;

create table if not exists stats.webinar_stray_ping (
    user_id uuid primary key,
    webinar_id uuid not null,
    joined_at timestamptz not null,
    last_seen_at timestamptz not null
);
comment on table stats.webinar_stray_ping is
    'Presence on webinars that have no row (C2): stored and sampled, but one row a user, the last webinar pinged, so that made-up ids cannot fill the database. The pipeline does not read the user.';

-- No policy for the pipeline: it sees these rows through stats.webinar_presence only, without the user.
alter table stats.webinar_setting enable row level security;
alter table stats.webinar_stray_ping enable row level security;
drop policy if exists pipeline_all on stats.webinar_setting;
create policy pipeline_all on stats.webinar_setting to eventflow_pipeline using (true) with check (true);
drop policy if exists all_read on stats.webinar_setting;
create policy all_read on stats.webinar_setting for select using ((select stats.caller_sees_all()));
drop policy if exists all_read on stats.webinar_stray_ping;
create policy all_read on stats.webinar_stray_ping for select using ((select stats.caller_sees_all()));
grant select on stats.webinar_setting to eventflow_pipeline;

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
        execute format('revoke all on stats.%I from public', shown.view_name);
        execute format('grant select on stats.%I to eventflow_pipeline', shown.view_name);
    end loop;
end
$$;
select stats.grant_readers();
