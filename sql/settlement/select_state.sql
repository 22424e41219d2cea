-- WHAT: how current a range is. Grain: one row. Inputs: stats.range_state; :first_day, :last_day.
select as_of, complete from stats.range_state(:first_day, :last_day)
