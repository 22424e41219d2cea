-- WHAT: a client's measures over a range. Grain: one row, or none without facts.
-- Inputs: stats.range_summary; :client_id, :first_day, :last_day. Rules: M1-M4, M6.
select hits, visits, sessionless_hits, conversions, cvr
from stats.range_summary('client', :first_day, :last_day, :client_id)
