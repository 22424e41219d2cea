set local search_path = pg_catalog, pg_temp;
do $$
declare
    part text;
begin
    for part in
        select p.name from stats.grain g
        cross join lateral (values (g.name || '_daily'), (g.name || '_returns')) as p (name)
    loop
        execute format('alter table stats.%I drop constraint if exists %I', part, part || '_key_check');
    end loop;
end
$$;
drop function if exists stats.remove_grain(text);
drop function if exists stats.add_grain(text, text[]);
drop function if exists stats.prepare_grain(text);
