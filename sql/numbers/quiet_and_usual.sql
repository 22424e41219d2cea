-- How long each known stream has been quiet and is used to be. (Not a statement of its own: the end of those that define
-- known, period and fact.)
mark as ( -- noqa: PRS
    select f.no, f.client_id, f.stream, f.happened_at from fact f where f.no > 0
    union all
    -- Both ends of the period, from the stream's first day on.
    select p.no, k.client_id, k.stream, b.bound
    from known k
    join period p on p.no > 0 and p.period_start >= k.first_day
    cross join lateral (values (p.period_start), (p.period_end)) as b (bound)
),
gap as (
    select no, client_id, stream, happened_at as gap_start,
           lead(happened_at) over (partition by no, client_id, stream order by happened_at) as gap_end
    from mark
),
usual as (
    select g.client_id, g.stream,
           percentile_cont(0.99) within group (order by extract(epoch from g.gap_end - g.gap_start)) as gap_seconds
    from gap g
    join period p on p.no = g.no
    where g.gap_start < p.hour_end and g.gap_end > p.hour_start
    group by g.client_id, g.stream
),
latest as (
    select client_id, stream, max(happened_at) as last_at from fact where no = 0 group by client_id, stream
)
select k.client_id, k.stream, l.last_at,
       extract(epoch from cast(:now as timestamptz) - coalesce(l.last_at, cast(:recent_start as timestamptz)))::double precision
           as quiet_seconds,
       coalesce(u.gap_seconds, 0)::double precision as usual_seconds
from known k
left join latest l on l.client_id = k.client_id and l.stream = k.stream
left join usual u on u.client_id = k.client_id and u.stream = k.stream
order by k.client_id, k.stream
