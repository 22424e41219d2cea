-- WHAT: the day of every webinar that has buckets, presence or traffic on it (W2, W3).
-- Grain: webinar. Inputs: stats.webinar_stats_5min, stats.webinar_presence, stats.session_days, stats.partition_state,
-- stats.webinars; :bucket_date, :window_start, :window_end, :active_seconds.
-- Peak and average come from the sampled buckets, or from legacy ones on a day without a sample, never from both.
-- While live: from the bucket of webinar_start_time (or the first with viewers) to the last bucket with viewers.
-- unique_viewers: active at some instant of the day, so never below the peak; NULL where presence has
-- been cleared, and for a webinar without a row (C2), of which only each viewer's last one is kept.
with entity as (
    {include numbers/webinar_entities}
),
measured as (
    select b.webinar_id, case when bool_or(b.source = 'sampled' and b.sample_count > 0) then 'sampled' else 'legacy' end as source,
           sum(b.sample_count) filter (where b.source = 'sampled') as minutes_observed,
           sum(b.gaps) filter (where b.source = 'sampled') as minutes_missed
    from stats.webinar_stats_5min b
    where b.bucket_date = :bucket_date
    group by b.webinar_id
),
bucket as (
    select b.*, w.webinar_start_time,
           min(b.bucket_start) filter (where b.max_viewers > 0) over webinar as first_seen,
           max(b.bucket_start) filter (where b.max_viewers > 0) over webinar as last_seen
    from stats.webinar_stats_5min b
    join measured m on m.webinar_id = b.webinar_id and m.source = b.source
    left join stats.webinars w on w.id = b.webinar_id
    where b.bucket_date = :bucket_date and b.sample_count > 0
    window webinar as (partition by b.webinar_id)
),
concurrency as (
    select
        b.webinar_id, min(b.source) as source,
        max(b.max_viewers) as peak_viewers,
        (array_agg(b.max_at order by b.max_viewers desc, b.max_at) filter (where b.max_viewers > 0))[1] as peak_at,
        sum(b.sum_viewers) filter (where live.is_so) / nullif(sum(b.sample_count) filter (where live.is_so), 0)
            as avg_viewers_live
    from bucket b
    cross join lateral (
        select b.bucket_start <= b.last_seen and b.bucket_start >= case
            when b.webinar_start_time <= b.last_seen + interval '5 minutes'
                then date_bin('5 minutes', b.webinar_start_time, timestamptz '2000-01-01 00:00+00')
            else b.first_seen
        end as is_so
    ) live
    group by b.webinar_id
),
presence as (
    select p.webinar_id, count(*) as unique_viewers
    from stats.webinar_presence p
    where p.last_seen_at >= cast(:window_start as timestamptz) - make_interval(secs => :active_seconds)
      and p.joined_at < :window_end
    group by p.webinar_id
),
traffic as (
    select e.webinar_id, sum(s.hits) as hits, count(distinct s.session_id) as visits, sum(s.conversions) as conversions
    from stats.session_days s
    join entity e on e.entity_type = s.entity_type and e.entity_id = s.entity_id
        and s.client_id is not distinct from e.client_id
    where s.bucket_date = :bucket_date
    group by e.webinar_id
    union all
    select s.entity_id, sum(s.hits), count(distinct s.session_id), sum(s.conversions)
    from stats.session_days s
    where s.bucket_date = :bucket_date and s.entity_type = 'webinar'
      and not exists (select from stats.webinars w where w.id = s.entity_id)
    group by s.entity_id
),
computed as (
    select exists (
        select from stats.partition_state p where p.bucket_date = :bucket_date and p.computed_at is not null
    ) as is_so
)
select
    w.client_id, named.webinar_id, c.source, c.peak_viewers, c.peak_at, c.avg_viewers_live,
    m.minutes_observed, m.minutes_missed,
    case when w.id is not null and (p.unique_viewers is not null or coalesce(c.peak_viewers, 0) = 0)
        then coalesce(p.unique_viewers, 0) end as unique_viewers,
    case when computed.is_so then coalesce(t.hits, 0) end as hits,
    case when computed.is_so then coalesce(t.visits, 0) end as visits,
    case when computed.is_so then coalesce(t.conversions, 0) end as conversions,
    coalesce((select bool_or(e.is_shared) from entity e where e.webinar_id = named.webinar_id), false) as campaign_shared
from (
    select webinar_id from measured
    union select webinar_id from presence
    union select webinar_id from traffic
) named
cross join computed
left join stats.webinars w on w.id = named.webinar_id
left join measured m on m.webinar_id = named.webinar_id
left join concurrency c on c.webinar_id = named.webinar_id
left join presence p on p.webinar_id = named.webinar_id
left join traffic t on t.webinar_id = named.webinar_id
