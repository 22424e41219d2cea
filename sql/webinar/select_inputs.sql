-- WHAT: a hash of everything a day of webinar statistics is computed from, for given days: samples (only added, so their
-- number says all), legacy rows (rewritten in place), the webinars concerned, which computation of the day's bridge.
-- Presence is not in it: it moves together with the samples.
-- Grain: day. Inputs: stats.webinar_sample, stats.webinar_legacy_buckets, stats.webinars, stats.bucket_daily,
-- stats.webinar_stats_daily, stats.partition_state; :days, :starts, :ends (arrays: dates, and their bounds as instants,
-- T1), :before_minutes, :after_minutes.
with day as (
    select d.bucket_date, d.window_start, d.window_end
    from unnest(cast(:days as date[]), cast(:starts as timestamptz[]), cast(:ends as timestamptz[]))
        as d (bucket_date, window_start, window_end)
),
entity as (
    {include webinar/select_entities}
),
concerned as (
    -- Open on the day; shown on it already (extended, or gone since); with traffic of its own or its campaign.
    select d.bucket_date, w.id as webinar_id
    from day d
    join stats.webinars w
        on w.webinar_start_time - make_interval(mins => :before_minutes) < d.window_end
       and w.webinar_start_time + make_interval(mins => :after_minutes) > d.window_start
    union
    select n.bucket_date, n.webinar_id
    from day d
    join stats.webinar_stats_daily n on n.bucket_date = d.bucket_date
    union
    select b.bucket_date, e.webinar_id
    from day d
    join stats.bucket_daily b on b.bucket_date = d.bucket_date and b.grain = 'campaign'
    join entity e on e.entity_id = b.entity_id
),
webinar as (
    select c.bucket_date,
           md5(string_agg(row(c.webinar_id, w.client_id, w.webinar_start_time at time zone 'UTC',
                              w.registration_campaign_id)::text, ';' order by c.webinar_id)) as state
    from concerned c
    left join stats.webinars w on w.id = c.webinar_id
    group by c.bucket_date
)
select
    d.bucket_date,
    md5(row(s.samples, l.state, w.state, extract(epoch from p.computed_at))::text) as inputs,
    s.samples > 0 or l.state is not null or w.state is not null as has_any
from day d
cross join lateral (
    select count(*) as samples
    from stats.webinar_sample s
    where s.sampled_minute >= d.window_start and s.sampled_minute < d.window_end
) s
left join lateral (
    select row(count(*), sum(b.sample_count), sum(b.sum_participants), sum(b.max_participants))::text as state
    from stats.webinar_legacy_buckets b
    where b.time_bucket >= d.window_start and b.time_bucket < d.window_end
    having count(*) > 0
) l on true
left join webinar w on w.bucket_date = d.bucket_date
left join stats.partition_state p on p.bucket_date = d.bucket_date
