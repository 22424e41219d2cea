-- WHAT: five-minute buckets of a window, from samples (W2), and the legacy buckets as they are, each with its label.
-- Grain: webinar, bucket_start (UTC floor of five minutes), source. Inputs: stats.webinar_sample,
-- stats.webinar_legacy_buckets, stats.webinars (client); :window_start, :window_end, :at (instants), :before_minutes,
-- :after_minutes.
with owed as (
    {include numbers/webinar_owed_minutes}
),
minute as (
    select s.webinar_id, s.sampled_minute as minute, s.viewers
    from stats.webinar_sample s
    where s.sampled_minute >= :window_start and s.sampled_minute < :window_end
    union all
    select o.webinar_id, o.minute, null
    from owed o
    where not exists (
        select from stats.webinar_sample s where s.webinar_id = o.webinar_id and s.sampled_minute = o.minute
    )
),
bucket as (
    select
        m.webinar_id,
        date_bin('5 minutes', m.minute, timestamptz '2000-01-01 00:00+00') as bucket_start,
        'sampled' as source,
        count(m.viewers) as sample_count,
        sum(m.viewers) as sum_viewers,
        min(m.viewers) as min_viewers,
        max(m.viewers) as max_viewers,
        avg(m.viewers) as avg_viewers,
        (array_agg(m.viewers order by m.minute desc) filter (where m.viewers is not null))[1] as last_viewers,
        (array_agg(m.minute order by m.viewers desc, m.minute) filter (where m.viewers is not null))[1] as max_at,
        count(*) - count(m.viewers) as gaps
    from minute m
    group by 1, 2
    union all
    select
        l.webinar_id, l.time_bucket, 'legacy', l.sample_count, l.sum_participants, l.min_participants,
        l.max_participants, l.sum_participants::numeric / nullif(l.sample_count, 0), l.last_participants,
        l.time_bucket, null
    from stats.webinar_legacy_buckets l
    where l.time_bucket >= :window_start and l.time_bucket < :window_end
)
select
    w.client_id, b.webinar_id, b.bucket_start, b.source, b.sample_count, b.sum_viewers, b.min_viewers, b.max_viewers,
    b.avg_viewers, b.last_viewers, b.max_at, b.gaps
from bucket b
left join stats.webinars w on w.id = b.webinar_id
