-- Names in `public` that EventFlow's application calls. A function of EventFlow's with the very name and argument types of
-- one of ours is set aside, and comes back with the way back; one that only shares the name is left alone.
set local search_path = pg_catalog, pg_temp;

create or replace function stats.set_aside(p_signature text) returns void
language plpgsql set search_path = pg_catalog, pg_temp
as $$
declare
    found record;
begin
    select p.oid, pg_get_functiondef(p.oid) as definition, pg_get_userbyid(p.proowner) as owner,
           obj_description(p.oid, 'pg_proc') as description,
           array(select case when a.grantee = 0 then 'public' else pg_get_userbyid(a.grantee) end
                 from aclexplode(coalesce(p.proacl, acldefault('f', p.proowner))) a
                 where a.privilege_type = 'EXECUTE' and a.grantee <> p.proowner) as grantees
    into found
    from pg_proc p
    where p.oid = to_regprocedure(p_signature)
      -- A comment anybody can write on a function of their own: ours belongs to whom the schema does.
      and (coalesce(obj_description(p.oid, 'pg_proc'), '') not like 'eventflow_pipeline:%'
           or p.proowner <> (select n.nspowner from pg_namespace n where n.nspname = 'stats'));
    if found.oid is null then
        return;
    end if;
    insert into stats.replaced_function (signature, definition, owner, grantees, description)
    values (p_signature, found.definition, found.owner, found.grantees, found.description)
    on conflict (signature) do nothing;
    execute format('drop routine %s', p_signature);
end
$$;
comment on function stats.set_aside(text) is
    'Keeps a function of this very signature that is not ours in stats.replaced_function and drops it, to make room.';

create or replace function stats.bring_back(p_signature text) returns void
language plpgsql set search_path = pg_catalog, pg_temp
-- Names in its body are looked up in its own path when it runs, not in this one now.
set check_function_bodies = off
as $body$
declare
    kept stats.replaced_function;
    opened text[] := '{}';
    place text;
    other text;
begin
    delete from stats.replaced_function r where r.signature = p_signature returning * into kept;
    if not found then
        return;
    end if;
    if kept.owner = current_user then
        execute kept.definition;
    else
        -- Reading a function's defaults may run what is in them: so it is made by its owner, who cannot become anybody else
        -- in there, and for that may create for a moment.
        execute 'create function stats.create_as_owner(definition text) returns void language plpgsql security definer '
                'set search_path = pg_catalog, pg_temp set check_function_bodies = off as $$begin execute definition; end$$';
        foreach place in array array['stats', 'public'] loop
            if not has_schema_privilege(kept.owner, place, 'create') then
                execute format('grant create on schema %I to %I', place, kept.owner);
                opened := opened || place;
            end if;
        end loop;
        execute format('alter function stats.create_as_owner(text) owner to %I', kept.owner);
        execute 'select stats.create_as_owner($1)' using kept.definition;
        execute 'drop function stats.create_as_owner(text)';
        foreach place in array opened loop
            execute format('revoke create on schema %I from %I', place, kept.owner);
        end loop;
    end if;
    execute format('comment on routine %s is %L', p_signature, kept.description);
    -- Default privileges may have given it to more, or to fewer.
    for other in
        select distinct case when a.grantee = 0 then 'public' else quote_ident(pg_get_userbyid(a.grantee)) end
        from pg_proc p
        cross join aclexplode(coalesce(p.proacl, acldefault('f', p.proowner))) a
        where p.oid = to_regprocedure(p_signature) and a.grantee <> p.proowner
    loop
        execute format('revoke all on routine %s from %s', p_signature, other);
    end loop;
    for other in
        select case when g.name = 'public' then 'public' else quote_ident(g.name) end
        from unnest(kept.grantees) as g (name)
        where g.name = 'public' or exists (select from pg_roles r where r.rolname = g.name)
    loop
        execute format('grant execute on routine %s to %s', p_signature, other);
    end loop;
end
$body$;
comment on function stats.bring_back(text) is
    'The way back of stats.set_aside: the function as it was, with its owner, comment and who may execute it.';
revoke execute on function stats.set_aside(text), stats.bring_back(text) from public;
