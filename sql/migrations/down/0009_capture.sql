-- Dead letters that were never replayed go with their table: replay them first (`eventflow letters replay`).
set local search_path = pg_catalog, pg_temp;
drop table if exists stats.dead_letter, stats.fact_surface, stats.capture_setting;
