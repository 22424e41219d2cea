-- Who may see which numbers (P2): every reader is checked by these functions, in policies and in functions alike.
-- Members of a client see that client; owners, admins and analysts of an agency see its clients; the platform's totals
-- and the unknown client are for super administrators, analysts, the service role, the pipeline and the owner only.
set local search_path = pg_catalog, pg_temp;

-- Inside a SECURITY DEFINER function current_user is the owner; the role that was set is still the caller's.
create or replace function stats.caller_role() returns name
language sql stable
return coalesce(nullif(current_setting('role', true), 'none'), session_user)::name;
comment on function stats.caller_role() is 'The role the caller runs as, also inside SECURITY DEFINER functions. [readers]';

create or replace function stats.caller_sees_all() returns boolean
language sql stable security definer set search_path = pg_catalog, pg_temp
as $$
    select stats.caller_role() in ('service_role', 'eventflow_pipeline')
        or pg_has_role(stats.caller_role(), 'eventflow_bi', 'usage')
        or pg_has_role(stats.caller_role(), (select n.nspowner from pg_catalog.pg_namespace n where n.nspname = 'stats'), 'member')
        or (
            stats.caller_role() = 'authenticated'
            and coalesce(nullif(current_setting('request.jwt.claims', true), ''), '{}')::jsonb
                #>> '{app_metadata,is_super_admin}' = 'true'
        )
$$;
comment on function stats.caller_sees_all() is
    'True for super administrators (claim app_metadata.is_super_admin), analysts (eventflow_bi), service_role, the pipeline''s role and the owner. [readers]';

create or replace function stats.caller_share()
returns table (client_id uuid, first_day date, last_day date, expires_at timestamptz)
language sql stable security definer set search_path = pg_catalog, pg_temp
set timezone = 'UTC' set datestyle = 'ISO, YMD'
as $$
    select s.client_id, s.first_day, s.last_day, s.expires_at
    from (select coalesce(nullif(current_setting('request.jwt.claims', true), ''), '{}')::jsonb) as token (claims)
    join stats.share_link s
        on s.share_id = case when claims ->> 'share' ~* '^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$'
                             then (claims ->> 'share')::uuid end
    where stats.caller_role() = 'authenticated' and s.revoked_at is null and now() < s.expires_at
$$;
comment on function stats.caller_share() is
    'The shared link the caller came by (claim share, which eventflow serve makes of a link it has signed), unless it has expired or was revoked. [readers]';

create or replace function stats.caller_clients() returns uuid[]
language sql stable security definer set search_path = pg_catalog, pg_temp
as $$
    with caller as (
        select (claims ->> 'sub')::uuid as user_id
        from (select coalesce(nullif(current_setting('request.jwt.claims', true), ''), '{}')::jsonb) as token (claims)
        where stats.caller_role() = 'authenticated'
          and claims ->> 'sub' ~* '^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$'
    )
    select coalesce(array_agg(visible.client_id), '{}')
    from (
        select m.client_id
        from caller
        join public.client_members m on m.user_id = caller.user_id
        union
        select c.id
        from caller
        join public.agency_members a on a.user_id = caller.user_id and a.role::text in ('owner', 'admin', 'analyst')
        join public.clients c on c.agency_id = a.agency_id
        union
        select s.client_id
        from stats.caller_share() s
    ) visible
$$;
comment on function stats.caller_clients() is
    'Clients the authenticated user (claim sub) is a member of, or whose agency it is an owner, admin or analyst of; the one of a shared link. [readers]';

create or replace function stats.readable_clients(p_client_id uuid) returns uuid[]
language plpgsql stable security definer set search_path = pg_catalog, pg_temp
as $$
declare
    clients uuid[];
begin
    if stats.caller_sees_all() then
        return null;
    end if;
    clients := stats.caller_clients();
    if p_client_id is not null and not p_client_id = any (clients) then
        raise exception using errcode = '42501',
            message = 'you may not see this client',
            hint = 'Ask for a client you are a member of, or whose agency you are an owner, admin or analyst of.';
    end if;
    return clients;
end
$$;
comment on function stats.readable_clients(uuid) is
    'Clients the caller may read, NULL meaning all. Raises 42501 when p_client_id is given and is not among them.';

create or replace function stats.grant_readers() returns void
language plpgsql set search_path = pg_catalog, pg_temp
as $$
declare
    -- In public, where others may write functions and comments as well, what belongs to whom the schema does.
    ours constant oid := (select n.nspowner from pg_namespace n where n.nspname = 'stats');
    -- The schema of PostgREST is not there yet when the first of these runs.
    schemas constant oid[] := array(select n.oid from pg_namespace n where n.nspname in ('stats', 'stats_api'));
    place regnamespace;
    reader text;
    object record;
begin
    -- Default privileges (Supabase's for public, anybody's recipe for a schema that is exposed) give new objects to readers
    -- and to everybody, each time one is made: first nobody has anything.
    for reader in
        select 'public' union all
        select quote_ident(r.rolname) from pg_roles r where r.rolname in ('anon', 'authenticated', 'service_role', 'eventflow_bi')
    loop
        foreach place in array schemas loop
            execute format('revoke all on schema %s from %s', place, reader);
            execute format('revoke all on all tables in schema %s from %s', place, reader);
            execute format('revoke all on all sequences in schema %s from %s', place, reader);
            execute format('revoke all on all routines in schema %s from %s', place, reader);
        end loop;
        for object in
            select p.oid::regprocedure::text as name
            from pg_proc p
            where p.pronamespace = 'public'::regnamespace and p.proowner = ours
              and obj_description(p.oid, 'pg_proc') like 'eventflow_pipeline:%'
        loop
            execute format('revoke all on routine %s from %s', object.name, reader);
        end loop;
    end loop;
    -- Supabase's two are absent from a plain server, or come later. What a role gets is written at the object itself: a
    -- table's policy (tenant_read, all_read) and the end of a function's comment.
    for reader in select rolname from pg_roles where rolname in ('authenticated', 'service_role', 'eventflow_bi') loop
        foreach place in array schemas loop
            execute format('grant usage on schema %s to %I', place, reader);
        end loop;
        for object in
            select format('%I.%I', p.schemaname, p.tablename) as name
            from pg_policies p
            where p.schemaname = 'stats'
              and (p.policyname = 'tenant_read' or (p.policyname = 'all_read' and reader = 'service_role'))
        loop
            execute format('grant select on %s to %I', object.name, reader);
        end loop;
        for object in
            select p.oid::regprocedure::text as name
            from pg_proc p
            where (p.pronamespace = any (schemas) or p.pronamespace = 'public'::regnamespace and p.proowner = ours)
              and (obj_description(p.oid, 'pg_proc') like '%[readers]'
                   or (obj_description(p.oid, 'pg_proc') like '%[servers]' and reader = 'service_role'))
        loop
            execute format('grant execute on function %s to %I', object.name, reader);
        end loop;
    end loop;
    -- Functions that only compute: views call them, as who reads the view.
    for object in
        select p.oid::regprocedure::text as name
        from pg_proc p
        where p.pronamespace = 'stats'::regnamespace and p.provolatile = 'i' and p.prokind in ('f', 'a')
    loop
        execute format('grant execute on routine %s to eventflow_pipeline, eventflow_capture_owner, eventflow_bi', object.name);
    end loop;
    -- Analysts see whose the numbers are, and which days they may trust.
    for object in
        select c.oid::regclass::text as name
        from unnest(array['agencies', 'clients', 'campaigns', 'webinars', 'links', 'build_settings', 'partition_state',
                          'day_ledger', 'named_client_daily', 'named_campaign_daily', 'named_link_daily',
                          'named_utm_daily']) as wanted (name)
        join pg_class c on c.relname = wanted.name and c.relnamespace = 'stats'::regnamespace
    loop
        execute format('grant select on %s to eventflow_bi', object.name);
    end loop;
end
$$;
comment on function stats.grant_readers() is
    'Takes from PUBLIC, anon, authenticated, service_role and eventflow_bi whatever they have of ours (stats, stats_api and what is ours in public), and gives the last three, where they exist, what readers need: tables by policy (tenant_read: all three; all_read: service_role), functions by the end of their comment ([readers]: all three; [servers]: service_role), and analysts the dimensions, days with names and the state of days; and our roles the functions that only compute. Policies and functions check each caller. Run by the owner, after every migration.';
revoke execute on function stats.grant_readers() from public;

revoke execute on function stats.caller_role(), stats.caller_sees_all(), stats.caller_share(), stats.caller_clients(),
    stats.readable_clients(uuid) from public;
grant execute on function stats.caller_role(), stats.caller_sees_all(), stats.caller_clients() to eventflow_pipeline;
