-- Fold rules (A6): what their tables' statistics need once many values are new.
set local search_path = pg_catalog, pg_temp;

create or replace function stats.analyze_folds() returns void
language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
begin
    analyze stats.fold_rule, stats.fold_value;
end
$$;
comment on function stats.analyze_folds() is
    'Has the planner know how many values fold rules list. Facts are compared with them at once, before autovacuum comes by; a plan made for a few values takes the product of facts and values.';
revoke execute on function stats.analyze_folds() from public;
grant execute on function stats.analyze_folds() to eventflow_pipeline;
