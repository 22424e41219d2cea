-- WHAT: the closing in force of the month that holds a day, of a client. Grain: one row; none where it is not closed.
-- Inputs: stats.closing; :client_id, :day.
select s.entry_no, s.month, s.last_day, s.version, s.recorded_at, s.author, s.reason, s.exceptions, s.quality, s.as_of,
       s.complete, s.hash, s.previous_hash
from (
    select e.*
    from stats.closing e
    where e.month = date_trunc('month', cast(:day as date))::date and e.client_id = :client_id and e.kind <> 'adjusted'
    order by e.entry_no desc
    limit 1
) s
where s.kind = 'closed'
