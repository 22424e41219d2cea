-- The role that captures: it inserts facts and links an entry to its visits, and can do nothing else outside `stats`.
-- Policies on the two fact tables are an application change (P5): docs/decisions/0015. They are for this role alone;
-- row-level security stays as it is for everybody else.
set local search_path = pg_catalog, pg_temp;

do $$
begin
    if not exists (select from pg_roles where rolname = 'eventflow_capture') then
        create role eventflow_capture nologin noinherit;
    end if;
exception when duplicate_object or unique_violation then
    null;  -- roles belong to the whole server: another database is being migrated at the same moment
end
$$;

-- Whoever migrates owns the functions first and hands them to the role, and later steps down to it to serve.
do $$
declare
    since_16 constant boolean := current_setting('server_version_num')::integer >= 160000;
begin
    if not pg_has_role(current_user, 'eventflow_capture', 'usage')
        or not pg_has_role(current_user, 'eventflow_capture', case when since_16 then 'set' else 'member' end)
    then
        execute 'grant eventflow_capture to current_user' || case when since_16 then ' with inherit true, set true' else '' end;
    end if;
end
$$;

grant usage on schema stats, public to eventflow_capture;
-- Dimensions through the views that see past row-level security; a fact is stored without them as well (C2).
grant select on stats.campaigns, stats.webinars, stats.clients, stats.links to eventflow_capture;

grant insert on public.event_access_logs, public.event_survey_entries to eventflow_capture;
grant select (id, campaign_id, session_id, entry_id, accessed_at), update (entry_id, converted_at)
    on public.event_access_logs to eventflow_capture;
grant select (id, campaign_id, phone_norm, created_at) on public.event_survey_entries to eventflow_capture;

drop policy if exists eventflow_capture_insert on public.event_access_logs;
drop policy if exists eventflow_capture_select on public.event_access_logs;
drop policy if exists eventflow_capture_link on public.event_access_logs;
drop policy if exists eventflow_capture_insert on public.event_survey_entries;
drop policy if exists eventflow_capture_select on public.event_survey_entries;
create policy eventflow_capture_insert on public.event_access_logs for insert to eventflow_capture with check (true);
create policy eventflow_capture_select on public.event_access_logs for select to eventflow_capture using (true);
create policy eventflow_capture_link on public.event_access_logs for update to eventflow_capture using (true);
create policy eventflow_capture_insert on public.event_survey_entries for insert to eventflow_capture with check (true);
create policy eventflow_capture_select on public.event_survey_entries for select to eventflow_capture using (true);
