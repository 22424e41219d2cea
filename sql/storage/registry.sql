-- What is in force: time zone and first partition (T1, T4), published grains (M5), how far back session-days reach (M6).

-- name: select_grains
-- WHAT: the published grains, in their order (M5), each as the parameters of select_buckets.
-- Grain: one row per published grain. Inputs: stats.grain.
select name as grain, by_client, by_entity, by_link, by_utm_source, by_utm_medium, by_utm_campaign
from stats.grain
order by position;

-- name: insert_build_settings
-- Stores the build settings once; those that are there stay. Rule: T1 (zone), T4 (first partition).
insert into stats.build_settings (time_zone, first_partition)
values (:time_zone, :first_partition)
on conflict do nothing;

-- name: replace_build_settings
-- Stores other build settings; whatever was computed with the old ones has been discarded before. Rules: T1, T4.
insert into stats.build_settings (time_zone, first_partition)
values (:time_zone, :first_partition)
on conflict (only_row) do update
set time_zone = excluded.time_zone, first_partition = excluded.first_partition, created_at = now(),
    longest_range_days = null, session_days_from = null;

-- name: update_pruned_bounds
-- Notes that session-days were pruned: what is gone stays gone, so neither number ever grows. Rule: M6.
update stats.build_settings
set longest_range_days = least(longest_range_days, :longest_range_days), session_days_from = greatest(session_days_from, :session_days_from);

-- name: select_oldest_replaceable
-- The oldest day whose neighbours within the longest range are all in session-days; NULL: never pruned. Rule: M6.
select session_days_from + longest_range_days - 1 from stats.build_settings;
