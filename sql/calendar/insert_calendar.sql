-- Stores the calendar once; an existing one stays as it is. Rule: T1 (zone), T4 (first partition).
insert into stats.calendar (time_zone, first_partition)
values (:time_zone, :first_partition)
on conflict do nothing
