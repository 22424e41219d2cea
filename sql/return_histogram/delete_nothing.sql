-- HOW: removes what the step brought down to no session; returns how many rows were below that, which cannot be.
-- Grain: one row of stats.return_histogram.
with nothing as (
    delete from stats.return_histogram where sessions <= 0 returning sessions
)
select count(*) filter (where sessions < 0) as negative from nothing
