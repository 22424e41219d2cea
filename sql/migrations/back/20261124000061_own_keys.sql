set local search_path = pg_catalog, pg_temp;
create unique index if not exists bucket_daily_key on stats.bucket_daily (
    grain, client_id, bucket_date, entity_type, entity_id, link_id, link_status, utm_source, utm_medium, utm_campaign
) nulls not distinct;
do $$
declare
    grain text;
begin
    for grain in select name from stats.grain loop
        execute format('drop index if exists stats.%I', grain || '_daily_key');
    end loop;
end
$$;
-- The function as it was.
{include migrations/20261124000013_add_grain}
