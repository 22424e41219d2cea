set local search_path = pg_catalog, pg_temp;
drop function if exists stats.link_target(text, uuid);
drop view if exists stats.campaign_paths;
