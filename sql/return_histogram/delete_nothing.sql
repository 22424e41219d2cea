-- HOW: removes what the step brought down to no session. Grain: one row of stats.return_histogram.
delete from stats.return_histogram where sessions = 0
