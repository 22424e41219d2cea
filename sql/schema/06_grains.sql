-- Grains as data (M5): the published ones are the list at the end. Adding one is an entry in domain/grains.py and a line
-- there; `eventflow migrate` does the rest.
set local search_path = pg_catalog, pg_temp;

-- A grain's buckets are unique by the grain's own key (B3), in an index of its partition. One index of the parent over
-- grain, day and all eight key columns, most of them NULL, took two thirds of the time of storing buckets and twice the
-- space. Histograms keep theirs: upserts need an index of the parent.
create or replace function stats.prepare_grain(p_name text) returns void
language plpgsql set search_path = pg_catalog, pg_temp
as $$
declare
    no_key text := (
        select string_agg(quote_ident(c.name), ', ')
        from unnest(array['client_id', 'entity_type', 'entity_id', 'link_id', 'link_status',
                          'utm_source', 'utm_medium', 'utm_campaign']) as c (name)
        join stats.grain g on g.name = p_name and not c.name = any (g.key_columns)
    );
    part record;
    own_key text := (
        select case when g.by_client then 'client_id, ' else '' end
               || array_to_string('bucket_date'::text || array_remove(g.key_columns, 'client_id'), ', ')
        from stats.grain g
        where g.name = p_name
    );
begin
    for part in values ('bucket_daily', p_name || '_daily'), ('return_histogram', p_name || '_returns') loop
        execute format('create table if not exists stats.%I partition of stats.%I for values in (%L)',
                       part.column2, part.column1, p_name);
        -- What is no key is NULL, so the grain's own key is the whole key.
        if no_key is not null and not exists (
            select from pg_constraint c
            where c.conrelid = format('stats.%I', part.column2)::regclass and c.conname = part.column2 || '_key_check'
        ) then
            execute format('alter table stats.%I add constraint %I check (num_nonnulls(%s) = 0)',
                           part.column2, part.column2 || '_key_check', no_key);
        end if;
        execute format('alter table stats.%I enable row level security', part.column2);
        execute format('drop policy if exists pipeline_all on stats.%I', part.column2);
        execute format('create policy pipeline_all on stats.%I to eventflow_pipeline using (true) with check (true)',
                       part.column2);
        execute format('drop policy if exists tenant_read on stats.%I', part.column2);
        execute format($policy$
            create policy tenant_read on stats.%I for select
            using ((select stats.caller_sees_all()) or client_id = any ((select stats.caller_clients())::uuid[]))
        $policy$, part.column2);
        execute format('grant select, insert, update, delete on stats.%I to eventflow_pipeline', part.column2);
    end loop;
    execute format('create unique index if not exists %I on stats.%I (%s) nulls not distinct',
                   p_name || '_daily_key', p_name || '_daily', own_key);
end
$$;
comment on function stats.prepare_grain(text) is
    'Creates, or completes, the partitions of bucket_daily and return_histogram of a grain: keys, policies, grants.';

create or replace function stats.add_grain(p_name text, p_key_columns text[]) returns void
language plpgsql set search_path = pg_catalog, pg_temp
as $$
begin
    if p_name is null or p_name !~ '^[a-z][a-z0-9_]{0,40}$' then
        raise exception using errcode = '22023', message = format('%L is no name for a grain', p_name),
            hint = 'Use lower-case letters, digits and underscores.';
    end if;
    if p_key_columns is null
        or not p_key_columns <@ array['client_id', 'entity_type', 'entity_id', 'link_id', 'link_status',
                                      'utm_source', 'utm_medium', 'utm_campaign']
        or ('entity_type' = any (p_key_columns)) <> ('entity_id' = any (p_key_columns))
        or ('link_id' = any (p_key_columns)) <> ('link_status' = any (p_key_columns))
    then
        raise exception using errcode = '22023', message = format('%s cannot be the key of a grain', p_key_columns),
            hint = 'Use columns of stats.session_days; entity_type and entity_id, link_id and link_status go together.';
    end if;
    if exists (select from stats.grain g where g.name = p_name) then
        return;
    end if;
    if exists (select from stats.build_settings c where c.session_days_from is not null) then
        raise exception using errcode = '55000', message = 'session-days were pruned: a new grain cannot be counted over them',
            hint = 'Run eventflow rebuild, add the grain, then backfill.';
    end if;
    -- The histograms are maintained by differences, which a new grain has none of: all days are counted in anew by
    -- the next histogram step. Until then ranges are answered from session-days. Locked first: a step at work ends first.
    lock table stats.partition_state, stats.return_histogram, stats.return_month, stats.session_day_change
        in access exclusive mode;
    insert into stats.grain (name, position, key_columns)
    select p_name, coalesce(max(g.position), 0) + 1, p_key_columns from stats.grain g;
    perform stats.prepare_grain(p_name);
    truncate stats.return_histogram, stats.return_month, stats.session_day_change;
    update stats.partition_state set histogram_pending = true, histogram_included = false;
    perform stats.grant_readers();
end
$$;
comment on function stats.add_grain(text, text[]) is
    'Publishes a grain (M5). Its days are errors to ask for (ST004) until each is materialized again. Harmless when it exists. Run by the owner, in a migration.';

create or replace function stats.remove_grain(p_name text) returns void
language plpgsql set search_path = pg_catalog, pg_temp
as $$
begin
    execute format('drop table if exists stats.%I, stats.%I', p_name || '_daily', p_name || '_returns');
    delete from stats.return_month where grain = p_name;
    delete from stats.grain where name = p_name;
    update stats.partition_state set grains = array_remove(grains, p_name) where p_name = any (grains);
end
$$;
comment on function stats.remove_grain(text) is 'The way back of stats.add_grain: the grain and its aggregates are gone.';
revoke execute on function stats.prepare_grain(text), stats.add_grain(text, text[]), stats.remove_grain(text)
    from public;

select stats.add_grain(g.name, g.key_columns::text[])
from (values
    (1, 'platform', '{}'),
    (2, 'client', '{client_id}'),
    (3, 'campaign', '{client_id,entity_type,entity_id}'),
    (4, 'link', '{client_id,entity_type,entity_id,link_id,link_status}'),
    (5, 'utm_source', '{client_id,utm_source}'),
    (6, 'utm_medium', '{client_id,utm_medium}'),
    (7, 'utm_campaign', '{client_id,utm_campaign}'),
    (8, 'utm', '{client_id,utm_source,utm_medium,utm_campaign}'),
    (9, 'campaign_utm', '{client_id,entity_type,entity_id,utm_source,utm_medium,utm_campaign}')
) as g (position, name, key_columns)
order by g.position;
select stats.prepare_grain(g.name) from stats.grain g order by g.position;
