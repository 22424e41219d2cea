-- Schema `stats` (everything this project owns) and the least-privileged role every pipeline connection runs as.
-- The role has rights on `stats` alone, none on the source tables (source-contract.md, "Columns the pipeline
-- may not read").
set local search_path = pg_catalog, pg_temp;

create schema if not exists stats;
comment on schema stats is 'Daily buckets of visits and conversions, and what they are computed from.';

do $$
begin
    if not exists (select from pg_roles where rolname = 'eventflow_pipeline') then
        create role eventflow_pipeline nologin noinherit;
    end if;
exception when duplicate_object or unique_violation then
    null;  -- roles belong to the whole server: another database is being migrated at the same moment
end
$$;

-- Whoever migrates also runs the pipeline, so it must be able to step down to the role. Being its member is not enough
-- since Postgres 16: who creates a role may grant it, to itself as well, and gets no other right on it by creating it.
do $$
declare
    since_16 constant boolean := current_setting('server_version_num')::integer >= 160000;
begin
    if not pg_has_role(current_user, 'eventflow_pipeline', case when since_16 then 'set' else 'member' end) then
        execute 'grant eventflow_pipeline to current_user' || case when since_16 then ' with inherit true, set true' else '' end;
    end if;
end
$$;

revoke all on schema stats from public;
grant usage on schema stats to eventflow_pipeline;
