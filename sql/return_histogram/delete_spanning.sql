-- HOW: removes every histogram row that touches or spans the days :first_day to :last_day, except those whose predecessor
-- was pruned from the bridge, which nothing could bring back. Grain: one row. Rule: M6.
delete from stats.return_histogram
where bucket_date >= :first_day and previous_date <= :last_day
  and previous_date >= coalesce((select c.bridge_from from stats.calendar c), '-infinity')
