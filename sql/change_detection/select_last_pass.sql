-- WHAT: when the latest pass that looked for late facts everywhere began; NULL before the first.
select max(started_at) from stats.detection_pass where scope in ('lookback', 'all')
