-- EventFlow's identity layer as Supabase provides it, for development and tests only, where there is none.
-- In production the schema auth and these roles exist and this file is never run; what exists is left as it is.
do $$
declare
    me pg_roles := (select r from pg_roles r where r.rolname = current_user);
    made text;
begin
    for made in select wanted from unnest(array['anon', 'authenticated', 'service_role']) as wanted
                where not exists (select from pg_roles r where r.rolname = wanted)
    loop
        -- To see past row-level security can be given only by those who do.
        execute format('create role %I nologin noinherit %s', made,
                       case when made = 'service_role' and (me.rolsuper or me.rolbypassrls) then 'bypassrls' else '' end);
        -- Supabase's owner may step down to each of them; since Postgres 16 creating a role is not enough for that.
        if not me.rolsuper then
            execute format('grant %I to current_user', made);
        end if;
    end loop;
exception when duplicate_object or unique_violation then
    null;  -- roles belong to the whole server: another database is being prepared at the same moment
end
$$;

do $$
begin
    if to_regnamespace('auth') is not null then
        return;
    end if;
    create schema auth;
    grant usage on schema auth to anon, authenticated, service_role;

    create function auth.jwt() returns jsonb
    language sql stable set search_path = pg_catalog, pg_temp
    as $body$
        select coalesce(nullif(current_setting('request.jwt.claims', true), ''), '{}')::jsonb
    $body$;
    comment on function auth.jwt() is 'Claims of the caller''s JSON web token; {} when there is none.';

    create function auth.uid() returns uuid
    language sql stable set search_path = pg_catalog, pg_temp
    as $body$
        select nullif(auth.jwt() ->> 'sub', '')::uuid
    $body$;
    comment on function auth.uid() is 'User id (claim sub) of the caller; NULL when there is none.';
end
$$;
