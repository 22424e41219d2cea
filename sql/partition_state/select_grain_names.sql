-- WHAT: names of the published grains, in their order (M5).
select name from stats.grain order by position
