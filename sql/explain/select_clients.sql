-- WHAT: clients by id or by name. Grain: one row per client. Inputs: :wanted (text).
select id, name
from stats.clients
where id::text = lower(:wanted) or stats.normalize_utm(name) = stats.normalize_utm(:wanted)
order by id
