-- WHAT: clients by id or by name. Grain: one row per client. Inputs: :wanted (text).
select id, name from stats.clients where id::text = lower(:wanted) or lower(name) = lower(:wanted) order by id
