-- What is in force: time zone and first partition (T1, T4), published grains (M5), how far back session-days reach (M6).

-- name: select_grains
-- WHAT: the published grains, in their order (M5), each as the parameters of select_buckets.
-- Grain: one row per published grain. Inputs: stats.grain.
select name as grain, by_client, by_entity, by_link, by_utm_source, by_utm_medium, by_utm_campaign
from stats.grain
order by position;

-- name: select_definitions
-- WHAT: what numbers mean beside the rules: hourly lists (B1) and look-back of linkage (Q2). Grain: one row.
-- Inputs: stats.build_settings.
select hourly_clients, hourly_campaigns, linkage_days_before, linkage_minutes_after from stats.build_settings;

-- name: update_definitions
-- HOW: changes one definition (:name), unless any of them is no longer what was seen, and notes it. Returns its name.
with changed as (
    update stats.build_settings
    set hourly_clients = cast(:new_hourly_clients as uuid[]), hourly_campaigns = cast(:new_hourly_campaigns as uuid[]),
        linkage_days_before = :new_linkage_days_before, linkage_minutes_after = :new_linkage_minutes_after
    where hourly_clients = cast(:seen_hourly_clients as uuid[])
      and hourly_campaigns = cast(:seen_hourly_campaigns as uuid[])
      and linkage_days_before = :seen_linkage_days_before and linkage_minutes_after = :seen_linkage_minutes_after
    returning only_row
)
insert into stats.definition_change (name, value_before, value_after, reason, author)
select :name, :value_before, :value_after, :reason, :author
from changed
returning name;

-- name: select_definition_changes
-- WHAT: every change of a definition, oldest first. Grain: one change. Inputs: stats.definition_change.
select name, value_before, value_after, reason, author, changed_at from stats.definition_change order by changed_at, name;

-- name: select_dependent_days
-- WHAT: how many days a definition's change makes to be computed again (:of_days), or how many days' indicators, and how
-- many of the days pruned session-days no longer allow to be. Grain: one row. Inputs: stats.partition_state,
-- stats.quality_daily, stats.build_settings.
select
    case when cast(:of_days as boolean) then (select count(*) from stats.partition_state where computed_at is not null)
         else (select count(*) from stats.quality_daily where scope = 'platform') end as days,
    case when cast(:of_days as boolean) then (
        select count(*) from stats.partition_state s
        where s.computed_at is not null and s.bucket_date < c.session_days_from + c.longest_range_days - 1
    ) else 0 end as unreachable
from stats.build_settings c;

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
