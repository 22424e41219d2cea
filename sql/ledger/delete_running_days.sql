-- HOW: forgets the ledger of days while they were still running: their numbers grew all the time. What was changed after
-- the day's end stays. Grain: ledger row. Inputs: :settled_before, the first day that is not settled yet.
delete from stats.day_ledger l
using stats.partition_state s
where s.bucket_date = l.bucket_date and l.bucket_date < :settled_before and l.replaced_at < s.window_end
