-- Dead letters that were never replayed go with their table: replay them first (`eventflow replay`).
drop table if exists stats.dead_letter;
drop table if exists stats.fact_surface;
