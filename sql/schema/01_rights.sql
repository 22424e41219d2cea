-- Rights are stated whole: what our roles had before is taken back here, the files that follow give what they have now;
-- what readers had, stats.grant_readers takes back. All of them belong into one transaction, so nobody is without a right for a moment.
set local search_path = pg_catalog, pg_temp;

do $$
declare
    holder record;
    routine regprocedure;
begin
    for holder in
        select r.oid, r.rolname
        from pg_roles r
        where r.rolname in ('eventflow_pipeline', 'eventflow_capture', 'eventflow_capture_owner')
    loop
        execute format('revoke all on schema stats from %I', holder.rolname);
        execute format('revoke all on all tables in schema stats from %I', holder.rolname);
        -- What a role owns it keeps: the owner's own rights are no grant.
        for routine in
            select p.oid
            from pg_proc p
            cross join aclexplode(p.proacl) a
            where p.pronamespace = 'stats'::regnamespace and a.grantee = holder.oid and p.proowner <> holder.oid
        loop
            execute format('revoke all on routine %s from %I', routine, holder.rolname);
        end loop;
    end loop;
end
$$;
revoke all on public.event_access_logs, public.event_survey_entries from eventflow_capture_owner;
revoke all on schema stats from public;
grant usage on schema stats to eventflow_pipeline, eventflow_capture, eventflow_capture_owner;
grant usage on schema public to eventflow_capture_owner;
