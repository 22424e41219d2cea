-- HOW: removes check executions whose run is gone: deleting a run in Dagster leaves them behind.
-- Grain: one check execution. Runs in Dagster's own database. Those that never had a run ('') stay.
delete from asset_check_executions c
where c.run_id <> '' and not exists (select from runs r where r.run_id = c.run_id)
