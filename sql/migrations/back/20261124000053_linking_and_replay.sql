drop function if exists stats.replay_dead_letters(integer, interval, interval);
drop function if exists stats.link_entries(integer);
