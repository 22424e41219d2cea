-- HOW: development only: samples as the sampler would have taken them, from what presence still shows of webinars that
-- are over or on: everybody from joining to 180 seconds after being last seen. Seven minutes of the earliest webinar
-- are left out, so that a gap can be seen. In production presence is overwritten and this would invent numbers.
-- Grain: webinar and minute. Inputs: public.webinars, public.webinar_live_presence; :now, :most (webinars, the latest).
with latest as (
    -- From the :most-th latest webinar with presence on, every webinar: from the first sample on minutes are owed.
    select w.id, w.webinar_start_time, row_number() over (order by w.webinar_start_time) as age
    from public.webinars w
    where w.webinar_start_time < :now
      and w.webinar_start_time >= (
        select min(n.webinar_start_time)
        from (
            select n.webinar_start_time
            from public.webinars n
            where n.webinar_start_time < :now
              and exists (select from public.webinar_live_presence p where p.webinar_id = n.id)
            order by n.webinar_start_time desc
            limit :most
        ) n
      )
)
insert into stats.webinar_sample (webinar_id, sampled_minute, viewers, sampled_at)
select l.id, m.minute, count(p.user_id), m.minute
from latest l
cross join lateral generate_series(
    date_trunc('minute', l.webinar_start_time - interval '60 minutes', 'UTC'),
    least(l.webinar_start_time + interval '4 hours', :now) - interval '1 microsecond',
    interval '1 minute'
) as m (minute)
left join public.webinar_live_presence p
    on p.webinar_id = l.id and p.joined_at <= m.minute and p.last_seen_at + interval '180 seconds' >= m.minute
where not (l.age = 1 and m.minute >= l.webinar_start_time + interval '31 minutes'
           and m.minute < l.webinar_start_time + interval '38 minutes')
group by l.id, m.minute
on conflict (webinar_id, sampled_minute) do nothing
