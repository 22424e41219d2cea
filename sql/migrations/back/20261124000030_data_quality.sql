set local search_path = pg_catalog, pg_temp;
drop function if exists public.get_data_quality(uuid, date, date);
select stats.bring_back('public.get_data_quality(uuid, date, date)');
drop table if exists stats.threshold_override;
drop table if exists stats.quality_daily;
