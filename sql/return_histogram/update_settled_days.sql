-- HOW: marks the pending days as included in the histograms. Grain: one business day. Returns the days.
update stats.partition_state
set histogram_pending = false, histogram_included = true
where histogram_pending
returning bucket_date
