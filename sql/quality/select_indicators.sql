-- WHAT: indicators of a range with what is usual for the client: the median share of unknown links over the 28 days
-- before, where at least a week of them had enough volume (Q4). Grain: business day, scope, client.
-- Inputs: stats.quality_daily; :first_day, :last_day, :minimum_volume.
select q.*, usual.hits as median_unknown_link_hits, usual.entries as median_unknown_link_entries
from stats.quality_daily q
left join lateral (
    select
        case when count(*) filter (where p.hits >= :minimum_volume) >= 7 then
            percentile_cont(0.5) within group (order by p.unknown_link_hits::double precision / nullif(p.hits, 0))
                filter (where p.hits >= :minimum_volume) end as hits,
        case when count(*) filter (where p.entries >= :minimum_volume) >= 7 then
            percentile_cont(0.5) within group (order by p.unknown_link_entries::double precision / nullif(p.entries, 0))
                filter (where p.entries >= :minimum_volume) end as entries
    from stats.quality_daily p
    where p.scope = q.scope and p.client_id is not distinct from q.client_id
      and p.bucket_date between q.bucket_date - 28 and q.bucket_date - 1
) usual on true
where q.bucket_date between :first_day and :last_day
order by q.bucket_date, q.scope desc, q.client_id
