-- WHAT: is a webinar being observed now that nobody samples?
-- Live: inside its observed window, or with an active viewer. Silence counts from its last sample, or from the opening
-- of its window or the joining of its first active viewer where that is later; a viewer who comes back after the zero
-- that closed an extension counts from their last ping.
-- Grain: one row: webinars live, webinars silent, since when, which (with title and client, the longest silent first).
-- Inputs: stats.webinars, stats.clients, stats.webinar_presence, stats.webinar_sample; :at (NULL: the database's clock), :active_seconds, :before_minutes, :after_minutes,
-- :silent_seconds.
with clock as (
    select coalesce(cast(:at as timestamptz), statement_timestamp()) as now
),
live as (
    select o.webinar_id, min(o.opened) as opened, min(o.joined) as joined, min(o.seen) as seen
    from (
        select w.id as webinar_id, w.webinar_start_time - make_interval(mins => :before_minutes) as opened,
               null::timestamptz as joined, null::timestamptz as seen
        from stats.webinars w
        cross join clock c
        where w.webinar_start_time <= c.now + make_interval(mins => :before_minutes)
          and w.webinar_start_time > c.now - make_interval(mins => :after_minutes)
        union all
        select p.webinar_id, null, p.joined_at, p.last_seen_at
        from stats.webinar_presence p
        where p.last_seen_at
              >= coalesce(cast(:at as timestamptz), statement_timestamp()) - make_interval(secs => :active_seconds)
    ) o
    group by o.webinar_id
),
heard as (
    select l.webinar_id, greatest(coalesce(l.opened, case when s.viewers = 0 then l.seen else l.joined end), s.sampled_at) as since
    from live l
    left join lateral (
        select n.sampled_at, n.viewers
        from stats.webinar_sample n
        where n.webinar_id = l.webinar_id
        order by n.sampled_minute desc
        limit 1
    ) s on true
)
select
    count(h.since) as live,
    count(*) filter (where h.since < c.now - make_interval(secs => :silent_seconds)) as silent,
    min(h.since) filter (where h.since < c.now - make_interval(secs => :silent_seconds)) as since,
    jsonb_agg(
        jsonb_build_object('id', h.webinar_id, 'title', w.title, 'client', o.name) order by h.since, h.webinar_id
    ) filter (where h.since < c.now - make_interval(secs => :silent_seconds)) as webinars
from clock c
left join heard h on true
left join stats.webinars w on w.id = h.webinar_id
left join stats.clients o on o.id = w.client_id
group by c.now
