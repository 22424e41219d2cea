-- HOW: marks a day as stale or held, or takes the marks away, unless it was replaced since it was looked at.
-- Grain: one business day. Inputs: :bucket_date, its bounds, :computed_at as seen, :stale_cause, :held_reason (NULL:
-- not so). Times of marks that are there already stay. Run under the day's lock.
insert into stats.partition_state as p (
    bucket_date, window_start, window_end, definition_version, histogram_pending, stale_since, stale_cause
)
values (
    :bucket_date, :window_start, :window_end, :definition_version, false,
    case when cast(:stale_cause as text) is not null then cast(:found_at as timestamptz) end, cast(:stale_cause as text)
)
on conflict (bucket_date) do update set
    stale_since = case when excluded.stale_cause is not null then coalesce(p.stale_since, excluded.stale_since) end,
    stale_cause = excluded.stale_cause,
    held_since = case when cast(:held_reason as text) is not null then coalesce(p.held_since, excluded.stale_since) end,
    held_reason = cast(:held_reason as text)
where p.computed_at is not distinct from cast(:computed_at as timestamptz)
