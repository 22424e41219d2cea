-- HOW: removes the intentions of a run to evaluate checks without a partition, so that its results come after those of
-- its days. Grain: one check execution. Runs in Dagster's own database.
delete from asset_check_executions
where run_id = :run_id and partition is null and execution_status = 'PLANNED'
