-- HOW: the newest hundred hits of a window get other sessions. Inputs: :window_start, :window_end.
update public.event_access_logs set session_id = session_id || 'x'
where id in (
    select id from public.event_access_logs where accessed_at >= :window_start and accessed_at < :window_end
    order by accessed_at desc limit 100
)
