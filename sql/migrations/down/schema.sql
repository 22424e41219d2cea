-- The way back of sql/schema: functions, views, policies and rights, before any table goes. What was set aside in `public`
-- comes back. stats.session_key stays: an index stands on it (0004_ranges).
set local search_path = pg_catalog, pg_temp;
do $$
declare
    ours record;
    list text;
begin
    select string_agg(p.oid::regprocedure::text, ', ') into list from pg_proc p where p.pronamespace = to_regnamespace('stats_api');
    if list is not null then
        execute 'drop routine ' || list;
    end if;
    for ours in
        select format('%I on %I.%I', p.policyname, p.schemaname, p.tablename) as name
        from pg_policies p
        where p.schemaname = 'stats'
           or (p.schemaname = 'public' and p.policyname in ('eventflow_capture_insert', 'eventflow_capture_select', 'eventflow_capture_link'))
    loop
        execute 'drop policy ' || ours.name;
    end loop;
    for ours in
        select r.rolname as holder from pg_roles r
        where r.rolname in ('eventflow_pipeline', 'eventflow_capture', 'eventflow_capture_owner', 'eventflow_bi', 'authenticated', 'service_role')
    loop
        execute format('revoke all on all tables in schema stats from %I', ours.holder);
        execute format('revoke all on schema stats from %I', ours.holder);
    end loop;
    if exists (select from pg_roles r where r.rolname = 'eventflow_capture_owner') then
        revoke all on public.event_access_logs, public.event_survey_entries from eventflow_capture_owner;
    end if;
    for ours in
        select p.oid::regprocedure::text as signature
        from pg_proc p
        where p.pronamespace = 'public'::regnamespace and obj_description(p.oid, 'pg_proc') like 'eventflow_pipeline:%'
    loop
        execute format('drop function %s', ours.signature);
    end loop;
    if to_regprocedure('stats.bring_back(text)') is not null then
        execute 'select stats.bring_back(r.signature) from stats.replaced_function r';
    end if;
    select string_agg(format('stats.%I', c.relname), ', ') into list
    from pg_class c
    where c.relnamespace = 'stats'::regnamespace and c.relkind = 'v';
    if list is not null then
        execute 'drop view ' || list;
    end if;
    select string_agg(p.oid::regprocedure::text, ', ') into list
    from pg_proc p
    where p.pronamespace = 'stats'::regnamespace and p.oid is distinct from to_regprocedure('stats.session_key(text)');
    if list is not null then
        execute 'drop routine ' || list;
    end if;
    -- Only what stood on what is gone; whatever else is in it keeps it.
    drop schema if exists stats_api;
end
$$;
