set local search_path = pg_catalog, pg_temp;
drop view if exists stats.webinar_legacy_buckets, stats.webinar_presence;
drop function if exists public.webinar_presence_ping(uuid);
drop function if exists stats.record_presence(uuid, uuid, timestamptz);
drop table if exists stats.webinar_stray_ping, stats.webinar_setting;

-- What was found under these names comes back as it was: definition, owner and who may execute it.
-- Its names are looked up in its own path when it runs, not in this one now.
set local check_function_bodies = off;
do $$
declare
    found record;
    grantee name;
begin
    for found in
        select * from stats.replaced_function
        where signature ~ '^(public\.)?(webinar_presence_ping|get_webinar_stats)\('
    loop
        execute found.definition;
        execute format('alter function %s owner to %I', found.signature, found.owner);
        execute format('revoke execute on function %s from public', found.signature);
        foreach grantee in array found.grantees loop
            if grantee = 'public' then
                execute format('grant execute on function %s to public', found.signature);
            else
                execute format('grant execute on function %s to %I', found.signature, grantee);
            end if;
        end loop;
        delete from stats.replaced_function where signature = found.signature;
    end loop;
end
$$;
