-- WHAT: the days of a range that somebody keeps as they are with the facts they have now: who and why, what is published and
-- what the facts give. Grain: one business day. Inputs: stats.kept_day, stats.partition_state, day_counts; :first_day,
-- :last_day, :definition. Rules: M1, M3, E3.
select k.bucket_date, k.author, k.reason, coalesce(s.hits, 0) as hits, coalesce(s.conversions, 0) as conversions,
       n.hits as hits_now, n.conversions as conversions_now
from stats.kept_day k
left join stats.partition_state s on s.bucket_date = k.bucket_date
cross join lateral (
    select coalesce(sum(c.hits) filter (where not c.excluded), 0) as hits,
           coalesce(sum(c.conversions) filter (where not c.excluded), 0) as conversions,
           md5(coalesce(sum(c.fact_hash), 0)::text || ' ' || coalesce(sum(c.attribution_hash), 0)::text || ' '
               || cast(:definition as text)) as day_fingerprint
    from day_counts c
    where c.bucket_date = k.bucket_date
) n
where k.bucket_date between :first_day and :last_day and k.fingerprint = n.day_fingerprint
order by k.bucket_date
