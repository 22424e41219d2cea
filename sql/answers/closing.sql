-- WHAT: the closing in force of the month that holds a day, of a client. Grain: one row; none where it is not closed.
-- Inputs: stats.standing_closing; :client_id, :day.
select s.entry_no, s.month, s.last_day, s.version, s.recorded_at, s.author, s.reason, s.exceptions, s.quality, s.as_of,
       s.complete, s.hash, s.previous_hash
from stats.standing_closing(:client_id, :day) s
