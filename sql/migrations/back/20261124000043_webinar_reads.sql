drop function if exists public.get_webinar_stats(uuid, date, date, text);
