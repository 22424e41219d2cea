-- Schema `stats` (everything this project owns), the roles, and what `migrate` keeps about itself.
--   eventflow_pipeline       every connection of the pipeline; rights on `stats` alone, none on EventFlow's tables
--   eventflow_capture        the application that captures: may call three functions, and read and write nothing itself
--   eventflow_capture_owner  owns capture's functions: stores facts and links an entry to its visits, and can do nothing
--                            else outside `stats` (P5); nobody logs in as it or is a member but the owner
--   eventflow_bi             analysts: read the numbers of all clients, without anybody's facts or sessions
-- Nobody logs in as any of them: logins are members of one (sql/application/logins.sql).
-- Rights stand in sql/schema, with functions, views, policies and comments: this folder has tables, types and indexes.
set local search_path = pg_catalog, pg_temp;

create schema if not exists stats;
comment on schema stats is 'Daily buckets of visits and conversions, and what they are computed from.';

-- Roles belong to the whole server: another database may be being migrated at the same moment. Whoever migrates also runs
-- the pipeline and serves capture, so it must be able to step down to both, and it hands functions over to the third.
-- Being a member is not enough since Postgres 16: who creates a role may grant it, to itself as well, and gets no other
-- right on it by creating it.
do $$
declare
    since_16 constant boolean := current_setting('server_version_num')::integer >= 160000;
    wanted text;
begin
    foreach wanted in array array['eventflow_pipeline', 'eventflow_capture', 'eventflow_capture_owner', 'eventflow_bi'] loop
        begin
            if not exists (select from pg_roles where rolname = wanted) then
                execute format('create role %I nologin noinherit', wanted);
            end if;
        exception when duplicate_object or unique_violation then
            null;
        end;
        if wanted <> 'eventflow_bi' and (
            not pg_has_role(current_user, wanted, case when since_16 then 'set' else 'member' end)
            or (wanted = 'eventflow_capture_owner' and not pg_has_role(current_user, wanted, 'usage'))
        ) then
            execute format('grant %I to current_user', wanted) || case when since_16 then ' with inherit true, set true' else '' end;
        end if;
    end loop;
end
$$;

create table if not exists stats.replaced_function (
    signature text primary key,
    definition text not null,
    owner name not null,
    grantees name[] not null,
    description text,
    replaced_at timestamptz not null default now()
);
alter table stats.replaced_function enable row level security;

create table if not exists stats.schema_object (
    type text not null,
    identity text not null,
    file text not null,
    primary key (type, identity)
);
alter table stats.schema_object enable row level security;
