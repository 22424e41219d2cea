set local search_path = pg_catalog, pg_temp;
drop table if exists stats.detection_pass, stats.day_comparison, stats.chunked_day, stats.chunk, stats.chunk_member, stats.kept_day, stats.erased_day, stats.day_ledger, stats.exclusion_change;
