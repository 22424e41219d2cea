-- WHAT: do the return histograms include the day? No row when the day was never computed.
select histogram_included from stats.partition_state where bucket_date = :bucket_date
