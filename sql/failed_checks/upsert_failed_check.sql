-- HOW: notes that a check failed; the time of its first failure in a row is kept.
-- Grain: one row per asset, check and partition. Inputs: the failure as parameters.
insert into stats.failed_check as f (asset, check_name, partition, severity, run_id, failed_at, detail)
values (:asset, :check_name, :partition, :severity, :run_id, :failed_at, :detail)
on conflict (asset, check_name, partition) do update set
    severity = excluded.severity,
    run_id = excluded.run_id,
    detail = excluded.detail,
    failed_at = least(f.failed_at, excluded.failed_at)
