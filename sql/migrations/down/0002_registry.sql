set local search_path = pg_catalog, pg_temp;
drop table if exists stats.fold_value, stats.fold_rule, stats.exclusion, stats.grain, stats.definition_change, stats.build_settings;
