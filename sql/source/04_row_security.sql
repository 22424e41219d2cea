-- Row-level security as production has it: enabled, so that a role with a grant but no policy sees zero rows.
-- Source: source-contract.md, "Columns the pipeline may not read".
alter table public.event_survey_entries enable row level security;
alter table public.event_survey_campaigns enable row level security;
alter table public.webinars enable row level security;
alter table public.webinar_live_presence enable row level security;
alter table public.webinar_access_logs enable row level security;

-- Supabase grants its roles everything in public and leaves the restriction to the policies.
grant usage on schema public to anon, authenticated, service_role;
grant all on all tables in schema public to anon, authenticated, service_role;
