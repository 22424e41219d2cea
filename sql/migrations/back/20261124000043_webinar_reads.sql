set local search_path = pg_catalog, pg_temp;
drop function if exists public.get_webinar_stats(uuid, date, date, text);
select stats.bring_back('public.get_webinar_stats(uuid, date, date, text)');
