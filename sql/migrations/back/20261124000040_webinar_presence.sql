set local search_path = pg_catalog, pg_temp;
drop view if exists stats.webinar_legacy_buckets, stats.webinar_presence;
drop function if exists public.webinar_presence_ping(uuid);
select stats.bring_back('public.webinar_presence_ping(uuid)');
drop function if exists stats.record_presence(uuid, uuid, timestamptz);
drop table if exists stats.webinar_stray_ping, stats.webinar_setting;
