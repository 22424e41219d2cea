-- WHAT: partitions whose newest execution of a check failed, where it judged what is materialized now.
-- Grain: asset, check, partition. Runs in Dagster's own database, not in the one of facts and buckets.
-- Inputs: asset_check_executions, event_logs. Portable: Dagster's storage in memory is SQLite.
select c.asset_key, c.check_name, c.partition, c.evaluation_event
from asset_check_executions c
join (
    select max(id) as id from asset_check_executions
    where partition is not null and evaluation_event_storage_id is not null
    group by asset_key, check_name, partition
) newest on newest.id = c.id
where c.execution_status = 'FAILED'
  and coalesce(c.materialization_event_storage_id, 0) = coalesce((
      select max(m.id) from event_logs m
      where m.asset_key = c.asset_key and m.dagster_event_type = 'ASSET_MATERIALIZATION' and m.partition = c.partition
  ), c.materialization_event_storage_id, 0)
order by c.asset_key, c.check_name, c.partition
