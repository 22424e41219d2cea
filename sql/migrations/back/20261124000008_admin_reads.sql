set local search_path = pg_catalog, pg_temp;
drop function if exists public.get_campaign_visits_raw(uuid, date, date, timestamptz, uuid, integer);
drop function if exists public.get_client_overview(uuid, date, date);
drop function if exists public.get_link_stats(uuid, date, date);
drop function if exists public.get_marketing_summary(uuid, date, date);
drop function if exists stats.screen_totals(uuid, date, date, uuid[]);
drop function if exists stats.screen_days(date, date);
drop function if exists stats.screen_range(uuid, date, date);
drop function if exists stats.share(numeric, numeric);

select stats.bring_back(r.signature) from stats.replaced_function r;
drop function if exists stats.bring_back(text);
drop function if exists stats.set_aside(text);
drop table if exists stats.replaced_function;
