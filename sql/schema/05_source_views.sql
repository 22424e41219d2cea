-- The only way facts and dimensions are read: views over EventFlow's tables that expose the allowed columns,
-- normalized (N1), owned by each table's owner so that row-level security does not hide rows from the pipeline.
-- Late columns a deployment may lack read as NULL; `select stats.refresh_source_views()` picks them up later.
set local search_path = pg_catalog, pg_temp;

create or replace function stats.source_column(p_table text, p_column text, p_type text) returns text
language sql stable set search_path = pg_catalog, pg_temp
as $$
    -- SQL for a source column cast to p_type, or a NULL of that type where the table lacks the column.
    select case
        when exists (
            select from information_schema.columns c
            where c.table_schema = 'public' and c.table_name = p_table and c.column_name = p_column
        ) then format('t.%I::%s', p_column, p_type)
        else format('null::%s', p_type)
    end
$$;

create or replace function stats.hand_view_over(p_view text, p_table text) returns void
language plpgsql set search_path = pg_catalog, pg_temp
as $$
declare
    new_owner regrole := (select c.relowner from pg_class c where c.oid = format('public.%I', p_table)::regclass);
    lacks_create boolean := not has_schema_privilege(new_owner, 'stats', 'create');
begin
    -- To take it over, it needs CREATE for a moment.
    if lacks_create then
        execute format('grant create on schema stats to %s', new_owner);
    end if;
    execute format('alter view stats.%I owner to %s', p_view, new_owner);
    if lacks_create then
        execute format('revoke create on schema stats from %s', new_owner);
    end if;
end
$$;
comment on function stats.hand_view_over(text, text) is
    'Makes the owner of a table of EventFlow the owner of a view over it: row-level security then does not hide rows, and a superuser''s view would have far more rights than it needs.';

create or replace function stats.refresh_source_views() returns void
language plpgsql set search_path = pg_catalog, pg_temp
as $$
declare
    source record;
begin
    for source in
        select * from (values
            ('visit_facts', 'event_access_logs', format($view$
                select t.id, t.campaign_id, %s as webinar_id, stats.normalize_session(t.session_id) as session_id,
                       t.entry_id,
                       stats.normalize_utm(t.utm_source) as utm_source,
                       stats.normalize_utm(t.utm_medium) as utm_medium,
                       stats.normalize_utm(t.utm_campaign) as utm_campaign,
                       stats.normalize_cid(%s) as cid,
                       t.marketing_campaign_link_id as link_id,
                       lower(left(substring(left(t.referrer, 2000) from '^[A-Za-z][A-Za-z0-9+.-]*://(?:[^/?#@]*@)?([^/?#:@]+)(?::\d*)?(?:[/?#]|$)'), 253)) as referrer_host,
                       t.accessed_at, t.created_at, hash_record_extended(row(t.xmin, t.ctid), 0) as row_version
                from public.event_access_logs t
                $view$,
                stats.source_column('event_access_logs', 'webinar_id', 'uuid'),
                stats.source_column('event_access_logs', 'cid', 'text')),
             'Visit hits, one row each (M1): allowed columns only, normalized (N1). Referrer: host only (S7). row_version: another one once the row was written anew; to be compared, never published.'),
            ('entry_facts', 'event_survey_entries', format($view$
                select t.id, t.campaign_id, t.client_id, stats.normalize_session(%s) as session_id,
                       stats.normalize_utm(t.utm_source) as utm_source,
                       stats.normalize_utm(t.utm_medium) as utm_medium,
                       stats.normalize_utm(t.utm_campaign) as utm_campaign,
                       stats.normalize_cid(t.registration_data ->> 'cid') as cid,
                       t.marketing_campaign_link_id as link_id,
                       t.created_at, hash_record_extended(row(t.xmin, t.ctid), 0) as row_version
                from public.event_survey_entries t
                $view$,
                stats.source_column('event_survey_entries', 'session_id', 'text')),
             'Entries (conversions), one row each (M3): no personal column, of registration_data the key cid only.'),
            ('campaigns', 'event_survey_campaigns',
             'select t.id, t.client_id, t.title, t.status::text as status, t.type::text as type, t.created_at
              from public.event_survey_campaigns t',
             'Campaigns (dimension).'),
            ('webinars', 'webinars',
             'select t.id, t.client_id, t.title, t.webinar_start_time, t.registration_campaign_id from public.webinars t',
             'Webinars (dimension).'),
            ('links', 'campaign_link_meta',
             'select t.id, t.client_id, t.name, t.target_type::text as target_type, t.target_campaign_id, t.target_webinar_id,
                     stats.normalize_utm(t.utm_source) as utm_source,
                     stats.normalize_utm(t.utm_medium) as utm_medium,
                     stats.normalize_utm(t.utm_campaign) as utm_campaign,
                     nullif(stats.normalize_cid(t.cid), ''(too long)'') as cid, t.status::text as status, t.created_at
              from public.campaign_link_meta t',
             'Marketing links of any status (dimension), their own UTM and cid normalized (N1).'),
            ('clients', 'clients',
             'select t.id, t.agency_id, t.name, t.status::text as status from public.clients t',
             'Clients (dimension).'),
            ('agencies', 'agencies',
             'select t.id, t.name, t.status::text as status from public.agencies t',
             'Agencies (dimension).')
        ) as definition (view_name, table_name, query, description)
    loop
        execute format('create or replace view stats.%I as %s', source.view_name, source.query);
        perform stats.hand_view_over(source.view_name, source.table_name);
        execute format('comment on view stats.%I is %L', source.view_name, source.description);
        execute format('grant select on stats.%I to eventflow_pipeline', source.view_name);
    end loop;
    perform stats.grant_readers();
end
$$;
comment on function stats.refresh_source_views() is
    'Creates the views over facts and dimensions for the columns that exist now. Run by the tables'' owner.';
revoke execute on function stats.refresh_source_views() from public;
revoke execute on function stats.source_column(text, text, text) from public;
revoke execute on function stats.hand_view_over(text, text) from public;

select stats.refresh_source_views();
