-- HOW: forgets the bridge before a day; its buckets and return histograms stay. Rule: M6.
-- Grain: one row of stats.session_days. Inputs: :bridge_from.
delete from stats.session_days where bucket_date < :bridge_from
