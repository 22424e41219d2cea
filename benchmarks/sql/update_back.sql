-- HOW: hits that update_recent or update_scattered gave other sessions get their own again, which end in no x.
update public.event_access_logs set session_id = rtrim(session_id, 'x') where session_id like '%x'
