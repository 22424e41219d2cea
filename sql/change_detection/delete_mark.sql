-- HOW: forgets a day that was marked, never computed and has no facts any more. Grain: one business day.
delete from stats.partition_state where bucket_date = :bucket_date and computed_at is null
