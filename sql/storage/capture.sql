-- Dead letters: counting, replaying.

-- name: count_waiting
-- Dead letters that wait for their replay. The payload itself is out of the pipeline's reach.
select count(*) from stats.dead_letter where replayed_at is null and expired_at is null;

-- name: select_waiting
-- Dead letters that wait, one row a fact: how many, since when, and the most frequent reason (F1).
select fact, count(*) as waiting, min(received_at) as since,
       extract(epoch from now() - min(received_at))::float as oldest_seconds,
       mode() within group (order by reason) as reason
from stats.dead_letter
where replayed_at is null and expired_at is null
group by fact
order by fact;

-- name: select_work
-- Anything to replay or to link. An entry whose visits do not come is looked for every minute in its first hour, later
-- four times an hour.
select exists (select from stats.dead_letter where replayed_at is null and expired_at is null)
    or exists (
        select from stats.fact_surface
        where fact = 'entry' and linked_at is null and session_id is not null
          and captured_at > now() - case when extract(minute from now())::integer % 15 = 0 then interval '7 days' else interval '1 hour' end
    );

-- name: replay_dead_letters
-- One pass over the least recently tried dead letters (C2). In: batch (rows), link_grace (seconds), retention (days).
-- Out: one row, replayed / refused / expired.
select * from stats.replay_dead_letters(:batch, make_interval(secs => :link_grace), make_interval(days => :retention));
