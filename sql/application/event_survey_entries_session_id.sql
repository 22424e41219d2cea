-- An application migration (P5, docs/decisions/0015), for EventFlow's own migrations and not run by `eventflow migrate`:
-- the one column capture needs. A registration always stores its session (S5). NULL for entries of before.
alter table public.event_survey_entries add column if not exists session_id text;
comment on column public.event_survey_entries.session_id is 'Session of the registration (S5); links it to its visits.';
