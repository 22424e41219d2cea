-- HOW: forgets failures of partitions whose check passes now.
-- Inputs: :asset, :check_name, :partitions (text array).
delete from stats.failed_check
where asset = :asset and check_name = :check_name and partition = any (cast(:partitions as text[]))
