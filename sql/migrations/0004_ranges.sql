-- Exact distinct visits of any range from aggregates alone (M6): return histograms.
--
-- A member's histogram says, for each business day d, how many of its sessions were seen on an earlier day of the
-- same member, and on which day p last. Then
--     distinct over [a, b] = sum of visits(d) - sum of sessions(d, p)    for a <= d <= b and p >= a.
-- Replacing a day changes p on that day and on the next day of each session that appeared or vanished. So the day's
-- transaction only notes what changed and marks the day pending; one serialized step then merges all pending days.
-- A range that contains a pending day is answered from session-days instead, so every answer is right at any moment.
set local search_path = pg_catalog, pg_temp;

create table if not exists stats.return_histogram (
    grain text not null,
    bucket_date date not null,
    previous_date date not null,
    client_id uuid,
    entity_type stats.entity_type,
    entity_id uuid,
    link_id uuid,
    link_status stats.link_status,
    utm_source text,
    utm_medium text,
    utm_campaign text,
    sessions bigint not null,
    constraint return_histogram_dates_check check (previous_date < bucket_date)
) partition by list (grain);
create unique index if not exists return_histogram_key on stats.return_histogram (
    grain, client_id, bucket_date, previous_date, entity_type, entity_id, link_id, link_status,
    utm_source, utm_medium, utm_campaign
) nulls not distinct;

-- Finds what the last step brought down to nothing, to remove it. No CHECK keeps sessions positive: it would judge the
-- difference an upsert brings, not the sum it leaves; the step itself looks for sums below nothing.
create index if not exists return_histogram_nothing_idx on stats.return_histogram (bucket_date) where sessions <= 0;
alter table stats.return_histogram enable row level security;

-- Deterministic 64-bit key of a session: an index on it is half the size of one on the text and cheaper to keep.
-- Every use also compares the text, so equal keys of different sessions do no harm. An index stands on it, so it is
-- versioned with the tables, not re-applied.
create or replace function stats.session_key(p_session_id text) returns bigint
language sql immutable strict parallel safe
return hashtextextended(p_session_id, 0);
comment on function stats.session_key(text) is 'A 64-bit hash of a session id, for look-ups; not unique.';
create index if not exists session_days_session_idx
    on stats.session_days (stats.session_key(session_id), bucket_date) where session_id is not null;

create table if not exists stats.session_day_change (
    bucket_date date not null,
    client_id uuid,
    entity_type text not null,
    entity_id uuid,
    link_id uuid,
    link_status text not null,
    utm_source text,
    utm_medium text,
    utm_campaign text,
    session_id text not null,
    change smallint not null check (change in (-1, 1))
);
create index if not exists session_day_change_bucket_date_idx on stats.session_day_change (bucket_date);
alter table stats.session_day_change enable row level security;
create index if not exists partition_state_pending_idx on stats.partition_state (bucket_date) where histogram_pending;
