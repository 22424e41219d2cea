-- WHAT: a statement of account of a client: its parts, a row each (see the function). Grain: row of a part.
-- Inputs: stats.settlement; :client_id, :first_day, :last_day. Rules: M1-M4, M6, Q2-Q5.
select part, content from stats.settlement(:client_id, :first_day, :last_day)
