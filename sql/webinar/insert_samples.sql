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
returning webinar_id, sampled_minute, viewers
