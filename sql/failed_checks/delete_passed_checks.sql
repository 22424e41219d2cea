-- HOW: forgets failures of partitions whose check passes now: all of the given ones that the run did not fail again.
-- Inputs: :asset, :check_name, :partitions (text array), :run_id.
delete from stats.failed_check
where asset = :asset and check_name = :check_name and partition = any (cast(:partitions as text[])) and run_id <> :run_id
