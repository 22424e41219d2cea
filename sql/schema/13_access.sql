-- Who may see and do what with our tables (P2): policies and rights; what readers are granted is behind everything
-- (99_readers.sql). A table's readers get their clients' rows (tenant_read), or only those who see all do (all_read).
-- Grains' partitions: stats.prepare_grain.
set local search_path = pg_catalog, pg_temp;

do $$
declare
    owned record;
begin
    for owned in
        select * from (values
            -- table, what the pipeline may do with its rows, policy of readers
            ('build_settings', 'select, update (longest_range_days, session_days_from, hourly_clients, hourly_campaigns, '
                               'linkage_days_before, linkage_minutes_after)', 'all_read'),
            ('definition_change', 'select, insert', 'all_read'),
            ('grain', 'select', 'all_read'),
            ('exclusion', 'select, insert, delete', 'all_read'),
            ('fold_rule', 'select, insert, update (removed_at, removed_reason, removed_by)', 'all_read'),
            ('fold_value', 'select, insert', 'all_read'),
            ('session_days', 'select, insert, update, delete', 'all_read'),
            ('bucket_daily', 'select, insert, update, delete', 'tenant_read'),
            ('campaign_hourly', 'select, insert, update, delete', 'tenant_read'),
            ('partition_state', 'select, insert, update, delete', 'all_read'),
            ('client_day', 'select, insert, update, delete', 'all_read'),
            ('return_histogram', 'select, insert, update, delete', 'tenant_read'),
            ('return_month', 'select, insert, update, delete', 'tenant_read'),
            ('session_day_change', 'select, insert, update, delete', 'all_read'),
            ('detection_pass', 'select, insert, delete', 'all_read'),
            ('day_comparison', 'select, insert, update, delete', 'all_read'),
            ('chunked_day', 'select, insert, update, delete', 'all_read'),
            ('chunk', 'select, insert, delete', 'all_read'),
            ('chunk_member', 'select, insert, delete', 'all_read'),
            ('kept_day', 'select, insert, update, delete', 'all_read'),
            ('erased_day', 'select, insert, delete', 'all_read'),
            ('delta_day', 'select, insert, update, delete', 'all_read'),
            ('day_ledger', 'select, insert, delete, update (hits_after, visits_after, conversions_after)', 'all_read'),
            ('exclusion_change', 'select, insert', 'all_read'),
            ('quality_daily', 'select, insert, update, delete', 'tenant_read'),
            ('day_check', 'select, insert, update, delete', 'all_read'),
            ('threshold_override', 'select, insert, update, delete', 'all_read'),
            ('accepted_check', 'select, insert, update, delete', 'all_read'),
            ('incident', 'select, insert, update, delete', 'all_read'),
            ('maintenance_window', 'select, insert, update (ended_at, ended_by, ended_reason)', 'all_read'),
            ('failed_check', 'select, insert, update, delete', 'all_read'),
            ('webinar_setting', 'select', 'all_read'),
            -- Without the user, through stats.webinar_presence only.
            ('webinar_stray_ping', null, 'all_read'),
            -- Samples are facts: they are added and never changed.
            ('webinar_sample', 'select, insert', 'all_read'),
            ('webinar_stats_5min', 'select, insert, update, delete', 'tenant_read'),
            ('webinar_stats_daily', 'select, insert, update, delete', 'tenant_read'),
            ('webinar_client_daily', 'select, insert, update, delete', 'tenant_read'),
            ('webinar_day_state', 'select, insert, update, delete', 'all_read'),
            ('fact_surface', 'select', 'all_read'),
            ('capture_setting', 'select', 'all_read'),
            -- What was published stays: added to by the pipeline, changed by nobody but the owner.
            ('closing', 'select, insert', 'tenant_read'),
            ('closing_figure', 'select, insert', 'tenant_read'),
            ('closing_day', 'select, insert', 'tenant_read'),
            ('mailing', 'select, insert, update', 'all_read'),
            ('closing_comparison', 'select, insert, update, delete', 'all_read'),
            ('share_link', 'select, insert, update (revoked_at, revoked_by)', 'all_read'),
            ('replaced_function', null, 'all_read'),
            ('schema_object', null, 'all_read')
        ) as t (name, pipeline, readers)
    loop
        if owned.pipeline is not null then
            execute format('drop policy if exists pipeline_all on stats.%I', owned.name);
            execute format('create policy pipeline_all on stats.%I %s', owned.name, case owned.pipeline
                when 'select' then 'for select to eventflow_pipeline using (true)'
                else 'to eventflow_pipeline using (true) with check (true)' end);
            execute format('grant %s on stats.%I to eventflow_pipeline', owned.pipeline, owned.name);
        end if;
        execute format('drop policy if exists %I on stats.%I', owned.readers, owned.name);
        execute format('create policy %I on stats.%I for select using ((select stats.caller_sees_all())%s)', owned.readers, owned.name,
                       case owned.readers when 'tenant_read' then ' or client_id = any ((select stats.caller_clients())::uuid[])' else '' end);
    end loop;
end
$$;

-- Why a number changed stays. What a day was while it was still running is pruned later (storage/changes/delete_running_days),
-- and nothing else can be: the zone is not the pipeline's to change.
drop policy if exists pipeline_prune on stats.day_ledger;
create policy pipeline_prune on stats.day_ledger as restrictive for delete to eventflow_pipeline using (
    replaced_at < (bucket_date + 1)::timestamp at time zone (select c.time_zone from stats.build_settings c)
);

-- What deltas of a minute add is one row, which is added to while the minute lasts; then it stays as well.
drop policy if exists pipeline_add on stats.day_ledger;
create policy pipeline_add on stats.day_ledger as restrictive for update to eventflow_pipeline using (
    published = 'delta' and replaced_at > clock_timestamp() - interval '1 minute'
);

-- Dead letters: all but the payload. What waits and why may be known, who it is may not.
drop policy if exists pipeline_all on stats.dead_letter;
create policy pipeline_all on stats.dead_letter for select to eventflow_pipeline using (true);
grant select (fact, event_id, client_id, reason, refused_columns, payload_bytes, received_at, failed_at, attempts, next_try_at,
              replayed_at, expired_at, discarded_at, discarded_by, discarded_because)
    on stats.dead_letter to eventflow_pipeline;
drop policy if exists capture_all on stats.fact_surface;
drop policy if exists capture_all on stats.dead_letter;
drop policy if exists capture_read on stats.capture_setting;
create policy capture_read on stats.capture_setting for select to eventflow_capture_owner using (true);
grant select on stats.capture_setting to eventflow_capture_owner;
create policy capture_all on stats.fact_surface to eventflow_capture_owner using (true) with check (true);
create policy capture_all on stats.dead_letter to eventflow_capture_owner using (true) with check (true);
grant select, insert, update, delete on stats.fact_surface, stats.dead_letter to eventflow_capture_owner;
