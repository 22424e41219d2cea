-- What capture keeps beside the facts, which stay as they are: where a fact came from, and the facts the tables refused.
set local search_path = pg_catalog, pg_temp;

create table if not exists stats.fact_surface (
    fact text not null check (fact in ('visit', 'entry')),
    fact_id uuid not null,
    captured_at timestamptz not null default now(),
    surface text,
    first_touch jsonb,
    session_id text,
    missing_link_id uuid,
    linked_at timestamptz,
    looked_at timestamptz,
    primary key (fact, fact_id)
);
comment on table stats.fact_surface is
    'Beside a captured fact (fact_id = its id = the event id): the page or route that sent it and the first touch (S2). Every entry has a row, a visit when there is something to keep. No personal data.';
comment on column stats.fact_surface.surface is 'Path of the page or name of the route, without query.';
comment on column stats.fact_surface.first_touch is 'First arrival: at (seconds since 1970, UTC), utm_*, cid, link_id, referrer.';
comment on column stats.fact_surface.session_id is 'Of an entry: its session, also where event_survey_entries has no such column (S5).';
comment on column stats.fact_surface.missing_link_id is 'Link id the fact was stored without, because the table refused it for long enough.';
comment on column stats.fact_surface.linked_at is 'Of an entry: when its visits were found (stats.link_entries); NULL while it waits.';
comment on column stats.fact_surface.looked_at is
    'Of an entry that waits: when its visits were last looked for, so that those that never come hold up nobody.';
create index if not exists fact_surface_unlinked on stats.fact_surface (looked_at nulls first, captured_at)
    where fact = 'entry' and linked_at is null and session_id is not null;

create table if not exists stats.dead_letter (
    fact text not null check (fact in ('visit', 'entry')),
    event_id uuid not null,
    reason text not null,
    refused_columns text[] not null default '{}',
    payload jsonb,
    received_at timestamptz not null default now(),
    failed_at timestamptz not null default now(),
    attempts integer not null default 1,
    replayed_at timestamptz,
    expired_at timestamptz,
    primary key (fact, event_id)
);
comment on table stats.dead_letter is
    'Events whose row the fact table refused, whole, until they are replayed. payload may hold personal data: only the owner and eventflow_capture read it; it is removed on replay and after the retention time.';
comment on column stats.dead_letter.reason is 'SQLSTATE and constraint or column; never a value (S7).';
create index if not exists dead_letter_waiting on stats.dead_letter (failed_at) where payload is not null;

alter table stats.fact_surface enable row level security;
alter table stats.dead_letter enable row level security;
drop policy if exists pipeline_all on stats.fact_surface;
drop policy if exists all_read on stats.fact_surface;
drop policy if exists capture_all on stats.fact_surface;
drop policy if exists pipeline_all on stats.dead_letter;
drop policy if exists capture_all on stats.dead_letter;
create policy pipeline_all on stats.fact_surface for select to eventflow_pipeline using (true);
create policy all_read on stats.fact_surface for select using ((select stats.caller_sees_all()));
create policy capture_all on stats.fact_surface to eventflow_capture using (true) with check (true);
create policy pipeline_all on stats.dead_letter for select to eventflow_pipeline using (true);
create policy capture_all on stats.dead_letter to eventflow_capture using (true) with check (true);
grant select on stats.fact_surface to eventflow_pipeline;
-- All but the payload: what waits and why may be known, who it is may not.
grant select (fact, event_id, reason, refused_columns, received_at, failed_at, attempts, replayed_at, expired_at)
    on stats.dead_letter to eventflow_pipeline;
grant select, insert, update on stats.fact_surface, stats.dead_letter to eventflow_capture;
select stats.grant_readers();
