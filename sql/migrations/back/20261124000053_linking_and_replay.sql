set local search_path = pg_catalog, pg_temp;
drop function if exists stats.replay_dead_letters(integer, interval, interval);
drop function if exists stats.link_entries(integer);
