-- HOW: appends to the ledger what a replacement changes: one row for the platform, one for each client whose totals
-- change. Run after the buckets are staged and before the stored ones are replaced.
-- Grain: grain and client. Inputs: stage_buckets, stats.bucket_daily, :bucket_date, :run_id, :cause, :reason, :author.
insert into stats.day_ledger (
    bucket_date, grain, client_id, run_id, cause, reason, author, hits_before, hits_after, visits_before, visits_after,
    conversions_before, conversions_after
)
select
    cast(:bucket_date as date), grain, client_id, :run_id, :cause, :reason, :author,
    sum(hits_before), sum(hits_after), sum(visits_before), sum(visits_after), sum(conversions_before),
    sum(conversions_after)
from (
    select 'platform' as grain, cast(null as uuid) as client_id, 0 as hits_before, 0 as hits_after, 0 as visits_before,
           0 as visits_after, 0 as conversions_before, 0 as conversions_after
    union all
    select b.grain, b.client_id, b.hits, 0, b.visits, 0, b.conversions, 0
    from stats.bucket_daily b
    where b.grain in ('platform', 'client') and b.bucket_date = :bucket_date
    union all
    select n.grain, n.client_id, 0, n.hits, 0, n.visits, 0, n.conversions
    from stage_buckets n
    where n.grain in ('platform', 'client')
) total
group by grain, client_id
having grain = 'platform'
    or (sum(hits_before), sum(visits_before), sum(conversions_before))
       <> (sum(hits_after), sum(visits_after), sum(conversions_after))
