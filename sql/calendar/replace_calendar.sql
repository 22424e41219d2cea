-- Starts a new calendar; whatever was computed with the old one has been discarded before. Rules: T1, T4.
insert into stats.calendar (time_zone, first_partition)
values (:time_zone, :first_partition)
on conflict (only_row) do update
set time_zone = excluded.time_zone, first_partition = excluded.first_partition, created_at = now(),
    bridge_days = null, bridge_from = null
