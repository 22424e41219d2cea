-- Webinar concurrency (W1-W3): samples, and replacing a day in one transaction.

-- name: update_setting
-- HOW: the ping's minimum interval, as `eventflow migrate` found it in the environment. Inputs: :presence_min_seconds.
update stats.webinar_setting
set presence_min_interval = make_interval(secs => :presence_min_seconds)
where presence_min_interval <> make_interval(secs => :presence_min_seconds);

-- name: insert_samples
-- WHAT: one sample of every observed webinar for the minute of the instant (W1, C3). The first sampler of a minute
-- counts; a retry, or another sampler beside it, changes nothing.
-- Observed: inside its window (zeros too), or with an active viewer, or last sampled with viewers less than an hour ago
-- (the zero that closes an extension). An active viewer was seen less than :active_seconds ago.
-- Grain: webinar and minute. Inputs: stats.webinar_presence, stats.webinars, stats.webinar_sample; :at (NULL: the
-- database's clock), :active_seconds, :before_minutes, :after_minutes.
with active as (
    select p.webinar_id, count(*) as viewers
    from stats.webinar_presence p
    where p.last_seen_at
          >= coalesce(cast(:at as timestamptz), statement_timestamp()) - make_interval(secs => :active_seconds)
    group by p.webinar_id
),
observed as (
    select w.id as webinar_id
    from stats.webinars w
    where w.webinar_start_time
          <= coalesce(cast(:at as timestamptz), statement_timestamp()) + make_interval(mins => :before_minutes)
      and w.webinar_start_time
          > coalesce(cast(:at as timestamptz), statement_timestamp()) - make_interval(mins => :after_minutes)
    union
    select a.webinar_id from active a
    union
    select latest.webinar_id
    from (
        select distinct on (s.webinar_id) s.webinar_id, s.viewers
        from stats.webinar_sample s
        where s.sampled_minute
              >= coalesce(cast(:at as timestamptz), statement_timestamp()) - interval '61 minutes'
          and s.sampled_minute < date_trunc('minute', coalesce(cast(:at as timestamptz), statement_timestamp()), 'UTC')
        order by s.webinar_id, s.sampled_minute desc
    ) latest
    where latest.viewers > 0
)
insert into stats.webinar_sample (webinar_id, sampled_minute, viewers, sampled_at)
select
    o.webinar_id,
    date_trunc('minute', coalesce(cast(:at as timestamptz), statement_timestamp()), 'UTC'),
    coalesce(a.viewers, 0),
    coalesce(cast(:at as timestamptz), statement_timestamp())
from observed o
left join active a on a.webinar_id = o.webinar_id
on conflict (webinar_id, sampled_minute) do nothing
returning webinar_id, sampled_minute, viewers;

-- name: select_inputs
-- WHAT: a hash of everything a day of webinar statistics is computed from, for given days: samples (only added, so their
-- number says all), legacy rows (rewritten in place), the webinars concerned, which computation of the day's session-days.
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
    {include numbers/webinar_entities}
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
left join stats.partition_state p on p.bucket_date = d.bucket_date;

-- name: select_stale_days
-- WHAT: days of a range whose webinar statistics were computed from something else than is there now, or never.
-- Days whose traffic can no longer be counted, because session-days were pruned, stay as they are.
-- Grain: day. Inputs: as storage/webinar/select_inputs, stats.webinar_day_state, stats.build_settings.
select i.bucket_date
from (
    {include storage/webinar/select_inputs}
) i
left join stats.webinar_day_state s on s.bucket_date = i.bucket_date
where i.bucket_date >= coalesce((select c.session_days_from + c.longest_range_days - 1 from stats.build_settings c), i.bucket_date)
  and case when s.bucket_date is null then i.has_any else s.inputs <> i.inputs end
order by i.bucket_date;

-- name: select_has_new_samples
-- WHAT: was a minute of a day sampled after the day was computed?
-- Grain: one value. Inputs: stats.webinar_sample, stats.webinar_day_state; :bucket_date, :window_start, :window_end.
select exists (
    select from stats.webinar_sample s
    where s.sampled_minute >= :window_start and s.sampled_minute < :window_end
      and s.sampled_at > coalesce(
        (select d.computed_at from stats.webinar_day_state d where d.bucket_date = :bucket_date), '-infinity')
);

-- name: delete_day
-- HOW: removes everything stored for a day of webinar statistics; the same transaction puts in what the day has now.
-- Inputs: :bucket_date.
with buckets as (
    delete from stats.webinar_stats_5min where bucket_date = :bucket_date
),
days as (
    delete from stats.webinar_stats_daily where bucket_date = :bucket_date
)
delete from stats.webinar_client_daily where bucket_date = :bucket_date;

-- name: insert_5min
-- HOW: the day's five-minute buckets, after the old ones were deleted in the same transaction.
insert into stats.webinar_stats_5min (
    bucket_date, client_id, webinar_id, bucket_start, source, sample_count, sum_viewers, min_viewers, max_viewers,
    avg_viewers, last_viewers, max_at, gaps
)
select cast(:bucket_date as date), n.*
from (
    {include numbers/webinar_5min}
) n;

-- name: insert_daily
-- HOW: the day's webinars, after the old rows were deleted in the same transaction.
insert into stats.webinar_stats_daily (
    bucket_date, client_id, webinar_id, source, peak_viewers, peak_at, avg_viewers_live, minutes_observed,
    minutes_missed, unique_viewers, hits, visits, conversions, campaign_shared
)
select cast(:bucket_date as date), n.*
from (
    {include numbers/webinar_daily}
) n;

-- name: insert_client_daily
-- HOW: the day's clients, after the old rows were deleted in the same transaction.
insert into stats.webinar_client_daily (
    bucket_date, client_id, webinars, shared_campaigns, peak_viewers, hits, visits, conversions
)
select cast(:bucket_date as date), n.*
from (
    {include numbers/webinar_client_daily}
) n;

-- name: upsert_day_state
-- HOW: what is known of the replaced day, in its transaction, with the day's totals for the run's report.
-- Grain: one row. Inputs: stats.webinar_stats_daily, storage/webinar/select_inputs over the day; :bucket_date, :run_id.
insert into stats.webinar_day_state (
    bucket_date, inputs, derived_from, webinars, minutes_observed, minutes_missed, run_id, computed_at
)
select
    i.bucket_date, i.inputs,
    (select p.day_fingerprint from stats.partition_state p where p.bucket_date = i.bucket_date),
    (select count(*) from stats.webinar_stats_daily d where d.bucket_date = i.bucket_date),
    (select coalesce(sum(d.minutes_observed), 0) from stats.webinar_stats_daily d where d.bucket_date = i.bucket_date),
    (select coalesce(sum(d.minutes_missed), 0) from stats.webinar_stats_daily d where d.bucket_date = i.bucket_date),
    :run_id, clock_timestamp()
from (
    {include storage/webinar/select_inputs}
) i
on conflict (bucket_date) do update
set inputs = excluded.inputs, derived_from = excluded.derived_from, webinars = excluded.webinars, minutes_observed = excluded.minutes_observed,
    minutes_missed = excluded.minutes_missed, run_id = excluded.run_id, computed_at = excluded.computed_at;

-- name: select_day_totals
-- WHAT: what a day holds over all webinars, for the partition's metadata in Dagster.
-- Grain: one row. Inputs: stats.webinar_stats_5min, stats.webinar_stats_daily, stats.webinar_client_daily,
-- stats.webinars; :bucket_date.
select
    count(*) as webinars,
    (select count(*) from stats.webinar_stats_5min b
     where b.bucket_date = :bucket_date and b.source = 'sampled') as buckets,
    (select count(*) from stats.webinar_stats_5min b
     where b.bucket_date = :bucket_date and b.source = 'legacy') as legacy_buckets,
    coalesce(sum(d.minutes_observed), 0) as minutes_observed,
    coalesce(sum(d.minutes_missed), 0) as minutes_missed,
    max(d.peak_viewers) as peak_viewers,
    (array_agg(coalesce(w.title, d.webinar_id::text) order by d.peak_viewers desc, d.webinar_id)
        filter (where d.peak_viewers > 0))[1] as peak_webinar,
    coalesce(sum(d.unique_viewers), 0) as unique_viewers,
    (select sum(c.visits)::bigint from stats.webinar_client_daily c where c.bucket_date = :bucket_date) as visits,
    (select sum(c.conversions)::bigint from stats.webinar_client_daily c
     where c.bucket_date = :bucket_date) as conversions
from stats.webinar_stats_daily d
left join stats.webinars w on w.id = d.webinar_id
where d.bucket_date = :bucket_date;

-- name: select_curves
-- WHAT: the day's concurrency curves, for a plot: the webinars with the highest peaks, both sources.
-- Grain: webinar, source, bucket. Inputs: stats.webinar_stats_5min, stats.webinars; :bucket_date, :most (webinars).
with busiest as (
    select b.webinar_id, max(b.max_viewers) as peak
    from stats.webinar_stats_5min b
    where b.bucket_date = :bucket_date
    group by b.webinar_id
    having max(b.max_viewers) > 0
    order by peak desc, b.webinar_id
    limit :most
)
select b.webinar_id, coalesce(w.title, b.webinar_id::text) as title, b.source, b.bucket_start, b.min_viewers,
       b.max_viewers, b.avg_viewers, b.gaps
from stats.webinar_stats_5min b
join busiest using (webinar_id)
left join stats.webinars w on w.id = b.webinar_id
where b.bucket_date = :bucket_date
order by busiest.peak desc, b.webinar_id, b.source desc, b.bucket_start;
