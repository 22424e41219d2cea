-- The roles belong to the whole server and stay while another database still uses them.
set local search_path = pg_catalog, pg_temp;

drop table if exists stats.schema_object, stats.replaced_function;
do $$
declare
    ours text;
begin
    foreach ours in array array['eventflow_bi', 'eventflow_capture', 'eventflow_capture_owner', 'eventflow_pipeline'] loop
        continue when to_regrole(ours) is null;
        execute format('revoke all on schema stats, public from %I', ours);
        begin
            execute format('drop role if exists %I', ours);
        exception when dependent_objects_still_exist or insufficient_privilege then
            null;
        end;
    end loop;
end
$$;
