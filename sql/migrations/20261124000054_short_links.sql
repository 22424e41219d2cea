-- Where a short link leads: read by eventflow_capture, which may not read campaigns themselves.
set local search_path = pg_catalog, pg_temp;

do $$
begin
    execute format('create or replace view stats.campaign_paths as select t.id, %s as public_path from public.event_survey_campaigns t',
                   stats.source_column('event_survey_campaigns', 'public_path', 'text'));
    perform stats.hand_view_over('campaign_paths', 'event_survey_campaigns');
end
$$;
comment on view stats.campaign_paths is 'Public path of each campaign, for short links.';
revoke all on stats.campaign_paths from public;
grant select on stats.campaign_paths to eventflow_capture;

create or replace function stats.link_target(p_key text, p_client_id uuid default null) returns jsonb
language sql stable set search_path = pg_catalog, pg_temp
as $$
    -- By id, or by cid; a cid is unique within its client only, so one that several clients use leads nowhere alone.
    with found as (
        select l.*, count(*) over () as candidates
        from stats.links l
        where (l.id = stats.capture_uuid(to_jsonb(p_key)) or l.cid = stats.normalize_cid(p_key))
          and (p_client_id is null or l.client_id = p_client_id)
        limit 2
    )
    select jsonb_strip_nulls(jsonb_build_object(
        'link_id', f.id, 'cid', f.cid, 'utm_source', f.utm_source, 'utm_medium', f.utm_medium, 'utm_campaign', f.utm_campaign,
        'target_type', f.target_type,
        'target_id', case when f.target_type = 'webinar' then f.target_webinar_id else f.target_campaign_id end,
        'path', case when f.target_type = 'campaign' then p.public_path end))
    from found f left join stats.campaign_paths p on p.id = f.target_campaign_id
    where f.candidates = 1
$$;
comment on function stats.link_target(text, uuid) is
    'Link of any status by its id or cid, and where it leads; NULL when there is none or the cid is several clients''. For eventflow_capture.';
revoke execute on function stats.link_target(text, uuid) from public;
grant execute on function stats.link_target(text, uuid) to eventflow_capture;
