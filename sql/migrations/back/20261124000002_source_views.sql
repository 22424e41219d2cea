set local search_path = pg_catalog, pg_temp;
drop view if exists stats.visit_facts, stats.entry_facts, stats.campaigns, stats.webinars, stats.links, stats.clients,
    stats.agencies;
drop function if exists stats.refresh_source_views();
drop function if exists stats.hand_view_over(text, text);
drop function if exists stats.source_column(text, text, text);
drop function if exists stats.normalize_cid(text);
drop function if exists stats.normalize_utm(text);
drop function if exists stats.normalize_session(text);
drop function if exists stats.normalize_text(text);
drop function if exists stats.too_long_to_match(text);
drop function if exists stats.shortened(text);
drop function if exists stats.long_text_in_nfc(text);
