-- WHAT: how many buckets each grain has on a day (for the partition's row count in Dagster).
-- Grain: one row per grain. Inputs: stage_buckets.
select g.name as grain, count(n.grain) as buckets
from stats.grain g
left join stage_buckets n on n.grain = g.name
group by g.name
