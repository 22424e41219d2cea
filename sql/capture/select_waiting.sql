-- Dead letters that wait, one row a fact: how many, since when, and the most frequent reason (F1).
select fact, count(*) as waiting, min(received_at) as since,
       extract(epoch from now() - min(received_at))::float as oldest_seconds,
       mode() within group (order by reason) as reason
from stats.dead_letter
where replayed_at is null and expired_at is null
group by fact
order by fact
