-- WHAT: the parts of computed days that are held, so that what is published of them is compared in place of their facts.
-- Grain: business day, client (NULL: unknown). Inputs: stats.partition_state; :first_day, :last_day. A day held for
-- everybody has none: it is stale as a whole.
select s.bucket_date, c.client_id
from stats.partition_state s
cross join unnest(s.held_clients) as c (client_id)
where s.bucket_date between :first_day and :last_day and s.computed_at is not null and s.held_since is not null
  and s.stale_cause <> 'dimensions_missing'
order by s.bucket_date, c.client_id
