-- HOW: removes every histogram row that touches or spans the days :first_day to :last_day. Grain: one row. Rule: M6.
delete from stats.return_histogram where bucket_date >= :first_day and previous_date <= :last_day
