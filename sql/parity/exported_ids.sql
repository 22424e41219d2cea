-- WHAT: how many facts a window has, and how many ids: a fact that is there twice would be counted twice (M1).
-- Grain: one row. Inputs: stats.visit_facts, stats.entry_facts; :window_start, :window_end.
-- Asked of what was exported to another engine: the tables have keys, files have none.
select
    sum(counted.facts) as facts, sum(counted.ids) as ids
from (
    select count(*) as facts, count(distinct v.id) as ids
    from stats.visit_facts v
    where v.accessed_at >= :window_start and v.accessed_at < :window_end
    union all
    select count(*), count(distinct e.id)
    from stats.entry_facts e
    where e.created_at >= :window_start and e.created_at < :window_end
) counted
