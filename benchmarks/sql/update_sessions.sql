-- HOW: a correction to facts of one day: every fiftieth hit turns out to be of another session.
-- Inputs: :window_start, :window_end, :turn (a number, another one each time).
update public.event_access_logs
set session_id = md5(session_id || :turn)
where accessed_at >= :window_start and accessed_at < :window_end and hashtextextended(id::text, :turn) % 50 = 0
