set local search_path = pg_catalog, pg_temp;
drop function if exists public.get_campaign_visits_raw(uuid, date, date, timestamptz, uuid, integer);
drop function if exists public.get_client_overview(uuid, date, date);
drop function if exists public.get_link_stats(uuid, date, date);
drop function if exists public.get_marketing_summary(uuid, date, date);
drop function if exists stats.screen_totals(uuid, date, date, uuid[]);
drop function if exists stats.screen_days(date, date);
drop function if exists stats.screen_range(uuid, date, date);
drop function if exists stats.share(numeric, numeric);

-- What was found under these names comes back as it was: definition, owner and who may execute it.
-- Its names are looked up in its own path when it runs, not in this one now.
set local check_function_bodies = off;
do $$
declare
    found record;
    grantee name;
begin
    for found in select * from stats.replaced_function loop
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
    end loop;
end
$$;
drop table if exists stats.replaced_function;
