drop table if exists stats.exclusion, stats.grain, stats.calendar;
