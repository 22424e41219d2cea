-- The oldest day whose neighbours within the longest range are all in the bridge; NULL: never pruned. Rule: M6.
select bridge_from + bridge_days - 1 from stats.calendar
