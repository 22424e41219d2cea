set local search_path = pg_catalog, pg_temp;
do $$
declare
    granted record;
begin
    for granted in select policyname, tablename from pg_policies
                   where schemaname = 'stats' and policyname in ('tenant_read', 'all_read') loop
        execute format('drop policy %I on stats.%I', granted.policyname, granted.tablename);
    end loop;
    for granted in select rolname from pg_roles where rolname in ('authenticated', 'service_role') loop
        execute format('revoke all on all tables in schema stats from %I', granted.rolname);
        execute format('revoke all on schema stats from %I', granted.rolname);
    end loop;
end
$$;
drop function if exists stats.grant_readers();
drop function if exists stats.readable_clients(uuid);
drop function if exists stats.caller_clients();
drop function if exists stats.caller_sees_all();
drop function if exists stats.caller_role();
