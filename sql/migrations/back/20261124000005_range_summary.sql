drop function if exists stats.range_summary(text, date, date, uuid);
drop function if exists stats.require_range(text, date, date);
