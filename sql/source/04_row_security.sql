-- Row-level security as production has it: enabled, so that a role with a grant but no policy sees zero rows.
alter table public.event_survey_entries enable row level security;
alter table public.event_survey_campaigns enable row level security;
alter table public.webinars enable row level security;
alter table public.webinar_live_presence enable row level security;
alter table public.webinar_access_logs enable row level security;

-- Supabase grants its roles every table and leaves the restriction to the policies. These tables only: nothing is said
-- of what else may lie in public.
grant usage on schema public to anon, authenticated, service_role;
grant all on public.agencies, public.clients, public.client_members, public.agency_members,
    public.event_survey_campaigns, public.webinars, public.campaign_link_meta, public.event_access_logs,
    public.event_survey_entries, public.webinar_live_presence, public.webinar_access_logs
    to anon, authenticated, service_role;
