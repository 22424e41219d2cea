-- The role belongs to the whole server and stays while another database still uses it.
set local search_path = pg_catalog, pg_temp;
revoke all on schema stats from eventflow_pipeline;
do $$
begin
    drop role if exists eventflow_pipeline;
exception when dependent_objects_still_exist or insufficient_privilege then
    null;
end
$$;
