-- Statements on Dagster's own database.

-- name: delete_planned_checks
-- HOW: removes the intentions of a run to evaluate checks without a partition, so that its results come after those of
-- its days. Grain: one check execution. Runs in Dagster's own database.
delete from asset_check_executions
where run_id = :run_id and partition is null and execution_status = 'PLANNED';

-- name: select_failing_partitions
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
order by c.asset_key, c.check_name, c.partition;

-- name: select_latest_materializations
-- WHAT: of each of some assets the latest materialization of each of some partitions, and of any (without a partition);
-- those from before the asset was wiped are none. Grain: asset, partition. Runs in Dagster's own database.
-- Inputs: event_logs, asset_keys; the two lists. Portable: Dagster's storage in memory is SQLite.
select m.asset_key, m.partition, max(m.id) as id
from event_logs m
join asset_keys a on a.asset_key = m.asset_key
where m.asset_key in :asset_list and m.dagster_event_type = 'ASSET_MATERIALIZATION' and m.partition in :partition_list
  and (a.wipe_timestamp is null or m.timestamp > a.wipe_timestamp)
group by m.asset_key, m.partition
union all
select a.asset_key, null as partition, m.id
from asset_keys a
join event_logs m on m.id = (
    select max(n.id) from event_logs n where n.asset_key = a.asset_key and n.dagster_event_type = 'ASSET_MATERIALIZATION'
)
where a.asset_key in :asset_list and (a.wipe_timestamp is null or m.timestamp > a.wipe_timestamp);

-- name: select_last_recorded
-- WHAT: by which run and when each of some partitions of an asset was last recorded as materialized.
-- Grain: partition. Runs in Dagster's own database. Inputs: event_logs; :asset, :partitions.
select m.partition, m.run_id, m.timestamp
from event_logs m
join (
    select max(id) as id from event_logs
    where asset_key = :asset and dagster_event_type = 'ASSET_MATERIALIZATION' and partition = any (cast(:partitions as text[]))
    group by partition
) newest on newest.id = m.id;

-- name: select_superseded_runs
-- WHAT: finished runs of schedules and sensors that nothing in Dagster's answers rests on any more: for every
-- partition they materialized or meant to, a later run has a materialization, and every check they evaluated has been
-- evaluated again or judged a materialization that is no longer the latest.
-- Grain: one row per run, oldest first. Runs in Dagster's own database, not in the one of facts and buckets.
-- Inputs: runs, run_tags, event_logs, asset_check_executions; :before (UTC), :most.
select r.run_id
from runs r
where r.status in ('SUCCESS', 'FAILURE', 'CANCELED')
  and r.create_timestamp < :before
  and exists (
      select from run_tags t
      where t.run_id = r.run_id and t.key in ('dagster/schedule_name', 'dagster/sensor_name')
  )
  and not exists (
      select from event_logs e
      where e.run_id = r.run_id
        and e.dagster_event_type in ('ASSET_MATERIALIZATION', 'ASSET_MATERIALIZATION_PLANNED')
        and not case
            when e.partition is null then exists (
                select from event_logs m
                where m.asset_key = e.asset_key and m.dagster_event_type = 'ASSET_MATERIALIZATION'
                  and m.partition is null and m.id > e.id and m.run_id <> e.run_id
            )
            else exists (
                select from event_logs m
                where m.asset_key = e.asset_key and m.dagster_event_type = 'ASSET_MATERIALIZATION'
                  and m.partition = e.partition and m.id > e.id and m.run_id <> e.run_id
            )
        end
  )
  and not exists (
      select from asset_check_executions c
      where c.run_id = r.run_id
        and not exists (
            select from asset_check_executions n
            where n.asset_key = c.asset_key and n.check_name = c.check_name
              and n.partition is not distinct from c.partition and n.id > c.id and n.run_id <> c.run_id
        )
        and not exists (
            select from event_logs m
            where c.partition is not null and m.asset_key = c.asset_key
              and m.dagster_event_type = 'ASSET_MATERIALIZATION' and m.partition = c.partition
              and m.run_id <> c.run_id
              and m.id > coalesce(c.evaluation_event_storage_id, c.materialization_event_storage_id)
        )
  )
order by r.id
limit :most;

-- name: delete_orphaned_check_executions
-- HOW: removes check executions whose run is gone: deleting a run in Dagster leaves them behind.
-- Grain: one check execution. Runs in Dagster's own database. Those that never had a run ('') stay.
delete from asset_check_executions c
where c.run_id <> '' and not exists (select from runs r where r.run_id = c.run_id);

-- name: delete_superseded_observations
-- HOW: removes observations that no run made and after which the same table was observed again: the catalog shows the
-- newest. Grain: one event. Runs in Dagster's own database. Inputs: event_logs; :before (UTC).
delete from event_logs o
where o.dagster_event_type = 'ASSET_OBSERVATION' and o.run_id = '' and o.timestamp < :before
  and exists (
      select from event_logs n
      where n.asset_key = o.asset_key and n.dagster_event_type = 'ASSET_OBSERVATION'
        and n.partition is not distinct from o.partition and n.id > o.id
  );
