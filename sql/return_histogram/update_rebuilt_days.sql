-- HOW: marks the days :first_day to :last_day as included in the histograms. Grain: one business day.
update stats.partition_state
set histogram_pending = false, histogram_included = true
where bucket_date between :first_day and :last_day
