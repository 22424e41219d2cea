set local search_path = pg_catalog, pg_temp;
drop policy if exists eventflow_capture_insert on public.event_access_logs;
drop policy if exists eventflow_capture_select on public.event_access_logs;
drop policy if exists eventflow_capture_link on public.event_access_logs;
drop policy if exists eventflow_capture_insert on public.event_survey_entries;
drop policy if exists eventflow_capture_select on public.event_survey_entries;
revoke all on public.event_access_logs, public.event_survey_entries from eventflow_capture;
revoke all (id, campaign_id, session_id, entry_id, converted_at, accessed_at) on public.event_access_logs from eventflow_capture;
revoke all (id, campaign_id, phone_norm, created_at) on public.event_survey_entries from eventflow_capture;
revoke all on stats.campaigns, stats.webinars, stats.clients, stats.links from eventflow_capture;
revoke all on schema stats, public from eventflow_capture;
-- The role belongs to the whole server and stays while another database still uses it.
do $$
begin
    drop role if exists eventflow_capture;
exception when dependent_objects_still_exist or insufficient_privilege then
    null;
end
$$;
