-- WHAT: what each client's day would lose if it were computed now, and how much of it because facts were deleted or
-- dimension rows vanished; what merely moved to another known client or was excluded is no loss.
-- Grain: business day, client (NULL: unknown), measure (hits or conversions). Inputs: day_counts, stats.bucket_daily at
-- the grain campaign, :dates. lost = deleted + vanished. Facts that turned up under the unknown client count as vanished.
with counted as (
    select b.bucket_date, m.measure, b.client_id, b.entity_type::text, b.entity_id, m.n as before, 0 as after, 0 as excluded
    from stats.bucket_daily b
    cross join lateral (values ('hits', b.hits), ('conversions', b.conversions)) as m (measure, n)
    where b.grain = 'campaign' and b.bucket_date = any (cast(:dates as date[]))
    union all
    select c.bucket_date, m.measure, c.client_id, c.entity_type, c.entity_id,
           0, case when not c.excluded then m.n else 0 end, case when c.excluded then m.n else 0 end
    from day_counts c
    cross join lateral (values ('hits', c.hits), ('conversions', c.conversions)) as m (measure, n)
    where c.bucket_date = any (cast(:dates as date[]))
),
member as (
    select bucket_date, measure, client_id, entity_type, entity_id,
           sum(before) as before, sum(after) as after, sum(excluded) as excluded
    from counted
    group by bucket_date, measure, client_id, entity_type, entity_id
),
entity as (
    select m.*,
           greatest(before - after, 0) as fallen,
           sum(greatest(before - after, 0)) over e as entity_fallen,
           sum(excluded) over e + coalesce(sum(greatest(after - before, 0)) filter (where client_id is not null) over e, 0)
               as moved,
           coalesce(sum(greatest(after - before, 0)) filter (where client_id is null) over e, 0) as orphaned
    from member m
    window e as (partition by bucket_date, measure, entity_type, entity_id)
),
loss as (
    select entity.*,
           fallen * greatest(entity_fallen - moved, 0) / nullif(entity_fallen, 0) as lost,
           fallen * least(greatest(entity_fallen - moved, 0), orphaned) / nullif(entity_fallen, 0) as vanished
    from entity
)
select bucket_date, client_id, measure, sum(before) as before, sum(after) as after,
       coalesce(sum(lost), 0) as lost, coalesce(sum(vanished), 0) as vanished
from loss
group by bucket_date, client_id, measure
having coalesce(sum(lost), 0) > 0 and sum(after) < sum(before)
order by bucket_date, client_id, measure
