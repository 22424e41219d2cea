-- EventFlow's identity layer as Supabase provides it, for development and tests only.
-- In production the schema auth, these roles and functions exist and this file is never run.
-- Source: source-contract.md, "Dimensions" (Identity).
do $$
begin
    if not exists (select from pg_roles where rolname = 'anon') then
        create role anon nologin noinherit;
    end if;
    if not exists (select from pg_roles where rolname = 'authenticated') then
        create role authenticated nologin noinherit;
    end if;
    if not exists (select from pg_roles where rolname = 'service_role') then
        create role service_role nologin noinherit bypassrls;
    end if;
exception when duplicate_object or unique_violation then
    null;  -- roles belong to the whole server: another database is being prepared at the same moment
end
$$;

create schema if not exists auth;
grant usage on schema auth to anon, authenticated, service_role;

create or replace function auth.jwt() returns jsonb
language sql stable
as $$
    select coalesce(nullif(current_setting('request.jwt.claims', true), ''), '{}')::jsonb
$$;
comment on function auth.jwt() is 'Claims of the caller''s JSON web token; {} when there is none.';

create or replace function auth.uid() returns uuid
language sql stable
as $$
    select nullif(auth.jwt() ->> 'sub', '')::uuid
$$;
comment on function auth.uid() is 'User id (claim sub) of the caller; NULL when there is none.';
