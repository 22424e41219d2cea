-- Loses the sessions of every entry since; stats.fact_surface keeps those that were captured by this project.
alter table public.event_survey_entries drop column if exists session_id;
