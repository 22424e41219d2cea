-- Numbers that heal themselves: passes of change detection, the ledger of replaced days, the history of exclusions,
-- and what readers are told of staleness (as_of, complete).
set local search_path = pg_catalog, pg_temp;

create table if not exists stats.detection_pass (
    started_at timestamptz primary key,
    finished_at timestamptz not null,
    scope text not null,
    days_checked integer not null,
    days_changed integer not null,
    days_held integer not null default 0,
    out_of_range_hits bigint,
    out_of_range_conversions bigint
);
comment on table stats.detection_pass is
    'Passes of change detection: facts and dimensions committed before started_at were compared with what the days in scope (lookback, sweep, all, named) were computed from. out_of_range_*: facts before the first partition or after the current day (T4), counted by passes over all days.';

create table if not exists stats.day_ledger (
    entry_no bigint generated always as identity primary key,
    bucket_date date not null,
    grain text not null check (grain in ('platform', 'client')),
    client_id uuid,
    run_id text,
    cause text not null,
    reason text not null,
    author text not null,
    replaced_at timestamptz not null default clock_timestamp(),
    hits_before bigint not null,
    hits_after bigint not null,
    visits_before bigint not null,
    visits_after bigint not null,
    conversions_before bigint not null,
    conversions_after bigint not null
);
comment on table stats.day_ledger is
    'Why a number changed: every replacement of a day appends one row for the platform (grain platform) and one for each client whose totals it changed (grain client; client_id NULL is the unknown client). cause is what differed in facts, dimensions or definition (unchanged: nothing did), reason and author who asked for it and why. Written in the transaction of the day.';
create index if not exists day_ledger_bucket_date_idx on stats.day_ledger (bucket_date, client_id);

create table if not exists stats.exclusion_change (
    campaign_id uuid not null,
    change text not null check (change in ('added', 'removed')),
    reason text not null check (reason <> ''),
    author text not null check (author <> ''),
    changed_at timestamptz not null default clock_timestamp()
);
comment on table stats.exclusion_change is 'Every rule of exclusion (E3) ever added or removed, by whom and why.';

do $$
declare
    owned text;
begin
    foreach owned in array array['detection_pass', 'day_ledger', 'exclusion_change'] loop
        execute format('alter table stats.%I enable row level security', owned);
        execute format('drop policy if exists pipeline_all on stats.%I', owned);
        execute format('create policy pipeline_all on stats.%I to eventflow_pipeline using (true) with check (true)', owned);
        execute format('drop policy if exists all_read on stats.%I', owned);
        execute format('create policy all_read on stats.%I for select using ((select stats.caller_sees_all()))', owned);
    end loop;
end
$$;
grant select, insert, delete on stats.detection_pass, stats.day_ledger to eventflow_pipeline;
grant select, insert on stats.exclusion_change to eventflow_pipeline;

create or replace function stats.range_state(p_from date, p_to date)
returns table (as_of timestamptz, complete boolean)
language sql stable security definer set search_path = pg_catalog, pg_temp
as $$
    with pass as (
        -- A pass over days somebody named says nothing of the others.
        select max(d.started_at) as started_at from stats.detection_pass d where d.scope <> 'named'
    ),
    -- Days still to come are not missing. Days are counted, not listed: whatever the range.
    bound as (
        select p_from >= c.first_partition as begins_in_time, greatest(p_from, c.first_partition) as first_day,
               least(p_to, stats.today()) as last_day
        from stats.build_settings c
    ),
    day as (
        select s.computed_at, s.facts_at, s.stale_since is not null or s.computed_at is null as is_stale
        from bound b
        join stats.partition_state s on s.bucket_date between b.first_day and b.last_day
    )
    select coalesce(
               min(d.computed_at) filter (where d.is_stale),
               -- A day that was being replaced while the pass looked may lack what was committed in between.
               least(min(p.started_at), min(d.facts_at) filter (where d.facts_at < p.started_at and d.computed_at > p.started_at)),
               min(d.computed_at)
           ),
           coalesce(bool_and(not d.is_stale), true) and (
               select b.begins_in_time and count(d.is_stale) = case when b.first_day <= b.last_day
                                                                    then b.last_day - b.first_day + 1 else 0 end
               from bound b
           )
    from pass p
    left join day d on true
$$;
comment on function stats.range_state(date, date) is
    'complete: no day of the range up to today is missing or stale as of the last pass of change detection. as_of: the start of that pass, or the oldest computed time among stale days; before the first pass the oldest computed time of all.';
revoke execute on function stats.range_state(date, date) from public;
select stats.grant_readers();
