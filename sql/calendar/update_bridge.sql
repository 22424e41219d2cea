-- Notes that the bridge was pruned: what is gone stays gone, so neither number ever grows. Rule: M6.
update stats.calendar
set bridge_days = least(bridge_days, :bridge_days), bridge_from = greatest(bridge_from, :bridge_from)
