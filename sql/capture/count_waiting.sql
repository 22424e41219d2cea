-- Dead letters that wait for their replay. The payload itself is out of the pipeline's reach.
select count(*) from stats.dead_letter where replayed_at is null and expired_at is null
