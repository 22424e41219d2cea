-- Anything to replay or to link. An entry whose visits do not come is looked for every minute in its first hour, later
-- four times an hour.
select exists (select from stats.dead_letter where replayed_at is null and expired_at is null)
    or exists (
        select from stats.fact_surface
        where fact = 'entry' and linked_at is null and session_id is not null
          and captured_at > now() - case when extract(minute from now())::integer % 15 = 0 then interval '7 days' else interval '1 hour' end
    )
