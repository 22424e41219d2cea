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

-- Whoever migrates also runs the pipeline, so it must be able to step down to the role.
do $$
begin
    if not pg_has_role(current_user, 'eventflow_pipeline', 'member') then
        execute format('grant eventflow_pipeline to %I', current_user);
    end if;
end
$$;

revoke all on schema stats from public;
grant usage on schema stats to eventflow_pipeline;
