set local search_path = pg_catalog, pg_temp;
drop table if exists stats.mailing, stats.closing_comparison, stats.closing_day, stats.closing_figure, stats.closing;
