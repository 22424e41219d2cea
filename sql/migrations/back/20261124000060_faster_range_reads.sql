set local search_path = pg_catalog, pg_temp;
alter table stats.bucket_daily
    alter column entity_type type text using entity_type::text,
    alter column link_status type text using link_status::text;
alter table stats.return_histogram
    alter column entity_type type text using entity_type::text,
    alter column link_status type text using link_status::text;
drop cast if exists (text as stats.entity_type);
drop cast if exists (text as stats.link_status);
drop type if exists stats.entity_type, stats.link_status;
drop function if exists stats.range_query(text, date, date, uuid);
drop aggregate if exists stats.total(bigint);
-- The functions as they were.
{include migrations/20261124000007_range_reads}
