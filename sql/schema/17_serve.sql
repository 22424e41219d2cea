-- What a statement of account and the page of one number say (eventflow report, eventflow serve), for whoever may see the client.
set local search_path = pg_catalog, pg_temp;

create or replace function stats.standing_closing(p_client_id uuid, p_day date) returns setof stats.closing
language sql stable set search_path = pg_catalog, pg_temp
as $$
    select s.*
    from (
        select e.*
        from stats.closing e
        where e.month = date_trunc('month', p_day::timestamp)::date and e.client_id = p_client_id and e.kind <> 'adjusted'
        order by e.entry_no desc
        limit 1
    ) s
    where s.kind = 'closed'
$$;
comment on function stats.standing_closing(uuid, date) is
    'The closing in force of the month that holds a day, of a client; no row where it is not closed. For functions that have checked the caller.';

create or replace function stats.settlement(p_client_id uuid, p_from date, p_to date)
returns table (part text, content json)
language plpgsql stable security definer set search_path = pg_catalog, pg_temp set plan_cache_mode = force_custom_plan
set timezone = 'UTC' set datestyle = 'ISO, YMD'
as $$
#variable_conflict use_column
declare
    standing stats.closing;
begin
    perform stats.readable_clients(p_client_id);
    if p_client_id is null then
        raise exception using errcode = '42501', message = 'the unknown client is nobody to settle with',
            hint = 'Give p_client_id.';
    end if;
    perform stats.require_range('client', p_from, p_to);
    -- A whole month may be closed; any other range is as it is now.
    if p_from = date_trunc('month', p_from::timestamp)::date and p_to = (p_from + interval '1 month')::date - 1 then
        select * into standing from stats.standing_closing(p_client_id, p_from);
    end if;
    return query select 'client', row_to_json(q) from (
        select c.id, c.name from stats.clients c where c.id = p_client_id
    ) q;
    return query select 'state', row_to_json(q) from (
        select as_of, complete from stats.range_state(p_from, p_to, p_client_id)
    ) q;
    return query select 'quality', row_to_json(q) from (
        select count(*) as days_measured,
               sum(q.linked_entries) filter (where i.input = split_part(q.linkage_input, '/', 1))::numeric
                   / nullif(sum(q.entries) filter (where i.input = split_part(q.linkage_input, '/', 1)), 0) as linkage,
               sum(q.utm_hits)::numeric / nullif(sum(q.hits), 0) as utm_fill_hits,
               sum(q.utm_entries)::numeric / nullif(sum(q.entries), 0) as utm_fill_entries,
               sum(q.unresolved_link_hits)::numeric / nullif(sum(q.hits), 0) as unresolved_link_hits,
               sum(q.unknown_link_hits)::numeric / nullif(sum(q.hits), 0) as unknown_link_hits,
               sum(q.sessionless_hits)::numeric / nullif(sum(q.hits), 0) as sessionless_hits,
               coalesce(sum(q.excluded_hits), 0) as excluded_hits, coalesce(sum(q.excluded_entries), 0) as excluded_entries
        from stats.quality_daily q
        join stats.partition_state s on s.bucket_date = q.bucket_date and s.day_fingerprint = q.derived_from
        left join stats.linkage_inputs(p_from, p_to) i on i.bucket_date = q.bucket_date
        where q.scope = 'client' and q.client_id = p_client_id and q.bucket_date between p_from and p_to
    ) q;
    -- Visits are of the single day (M2). Indicators of other facts than the day's buckets count as not measured; so does
    -- linkage of other days' other facts.
    return query select 'days', row_to_json(q) from (
        select d.day::date as date, coalesce(b.hits, 0) as hits, coalesce(b.visits, 0) as visits,
               coalesce(b.sessionless_hits, 0) as sessionless_hits, coalesce(b.conversions, 0) as conversions, b.cvr,
               s.computed_at,
               case when s.stale_clients is null or p_client_id = any (s.stale_clients) then s.stale_since end as stale_since,
               case when i.input = split_part(q.linkage_input, '/', 1) then q.linked_entries end::numeric / nullif(q.entries, 0)
                   as linkage,
               q.utm_hits::numeric / nullif(q.hits, 0) as utm_fill,
               q.unresolved_link_hits::numeric / nullif(q.hits, 0) as unresolved_link,
               q.unknown_link_hits::numeric / nullif(q.hits, 0) as unknown_link
        from generate_series(p_from, p_to, interval '1 day') as d (day)
        left join stats.daily_series('client', p_from, p_to, p_client_id) b on b.bucket_date = d.day::date
        left join stats.partition_state s on s.bucket_date = d.day::date
        left join stats.quality_daily q on q.bucket_date = d.day::date and q.scope = 'client' and q.client_id = p_client_id
            and q.derived_from = s.day_fingerprint
        left join stats.linkage_inputs(p_from, p_to) i on i.bucket_date = d.day::date
        order by d.day
    ) q;
    if standing.entry_no is not null then
        return query select 'closing', row_to_json(q) from (
            select standing.entry_no, standing.month, standing.last_day, standing.version, standing.recorded_at, standing.author,
                   standing.reason, standing.exceptions, standing.quality, standing.as_of, standing.complete, standing.hash,
                   standing.previous_hash
        ) q;
    end if;
    -- Figures as they were closed, where they were, and as they are; of both, named as it is now. A row of another client's
    -- campaign (its entries drifted, E2) has no title.
    return query select 'totals', row_to_json(q) from (
        select hits, visits, sessionless_hits, conversions, cvr
        from stats.range_summary('client', p_from, p_to, p_client_id)
        where standing.entry_no is null
        union all
        select hits, visits, sessionless_hits, conversions, conversions::numeric / nullif(visits, 0)
        from stats.closing_figure
        where entry_no = standing.entry_no and grain = 'client'
    ) q;
    return query select 'campaigns', row_to_json(q) from (
        select s.entity_type, s.entity_id, coalesce(c.title, w.title) as title,
               s.hits, s.visits, s.sessionless_hits, s.conversions, s.cvr
        from (
            select r.client_id, r.entity_type, r.entity_id, r.hits, r.visits, r.sessionless_hits, r.conversions, r.cvr
            from stats.range_summary('campaign', p_from, p_to, p_client_id) r
            where standing.entry_no is null
            union all
            select f.client_id, f.entity_type, f.entity_id, f.hits, f.visits, f.sessionless_hits, f.conversions,
                   f.conversions::numeric / nullif(f.visits, 0)
            from stats.closing_figure f
            where f.entry_no = standing.entry_no and f.grain = 'campaign'
        ) s
        left join stats.campaigns c
            on s.entity_type = 'campaign' and c.id = s.entity_id and c.client_id is not distinct from s.client_id
        left join stats.webinars w
            on s.entity_type = 'webinar' and w.id = s.entity_id and w.client_id is not distinct from s.client_id
        order by s.visits desc, s.conversions desc, title, s.entity_id
    ) q;
    return query select 'links', row_to_json(q) from (
        select s.link_id, l.name, s.link_status, s.entity_type, s.entity_id, coalesce(c.title, w.title) as title,
               s.hits, s.visits, s.sessionless_hits, s.conversions, s.cvr
        from (
            select r.client_id, r.link_id, r.link_status, r.entity_type, r.entity_id, r.hits, r.visits, r.sessionless_hits,
                   r.conversions, r.cvr
            from stats.range_summary('link', p_from, p_to, p_client_id) r
            where standing.entry_no is null
            union all
            select f.client_id, f.link_id, f.link_status, f.entity_type, f.entity_id, f.hits, f.visits, f.sessionless_hits,
                   f.conversions, f.conversions::numeric / nullif(f.visits, 0)
            from stats.closing_figure f
            where f.entry_no = standing.entry_no and f.grain = 'link'
        ) s
        left join stats.links l on l.id = s.link_id and l.client_id = s.client_id
        left join stats.campaigns c
            on s.entity_type = 'campaign' and c.id = s.entity_id and c.client_id is not distinct from s.client_id
        left join stats.webinars w
            on s.entity_type = 'webinar' and w.id = s.entity_id and w.client_id is not distinct from s.client_id
        order by s.visits desc, s.conversions desc, l.name, s.link_id, s.entity_id
    ) q;
    if standing.entry_no is null then
        return;
    end if;
    -- By how much each figure changed since, each time, on which days and why; differences, signed.
    return query select 'adjustments', row_to_json(q) from (
        select e.entry_no, e.recorded_at, s.grain, s.entity_type, s.entity_id, s.link_id, s.link_status,
               coalesce(c.title, w.title) as title, l.name as link, s.hits, s.visits, s.sessionless_hits, s.conversions,
               d.days, d.causes, e.hash
        from stats.closing e
        join stats.closing_figure s on s.entry_no = e.entry_no
        cross join lateral (
            select string_agg(distinct to_char(a.bucket_date, 'YYYY-MM-DD'), ', ') as days,
                   string_agg(distinct x.cause, ', ') as causes
            from stats.closing_day a
            left join unnest(a.causes) as x (cause) on true
            where a.entry_no = e.entry_no
        ) d
        left join stats.links l on l.id = s.link_id and l.client_id = s.client_id
        left join stats.campaigns c
            on s.entity_type = 'campaign' and c.id = s.entity_id and c.client_id is not distinct from s.client_id
        left join stats.webinars w
            on s.entity_type = 'webinar' and w.id = s.entity_id and w.client_id is not distinct from s.client_id
        where e.kind = 'adjusted' and e.client_id = p_client_id and e.month = standing.month and e.version = standing.version
        order by e.entry_no, array_position(array['client', 'campaign', 'link'], s.grain), title, s.entity_id, l.name, s.link_id
    ) q;
end
$$;
comment on function stats.settlement(uuid, date, date) is
    'A statement of account of a client over the inclusive local dates p_from..p_to, a row each: part (client, state, quality, days, totals, campaigns, links; of a closed month closing and adjustments, and totals, campaigns and links as they were closed) and its content. Visits of totals, campaigns and links are of the whole range, those of days of each day: neither add up (M2, M6). Raises 42501, ST002 to ST005, ST008, ST009. [readers]';

create or replace function stats.day_history(p_client_id uuid, p_day date) returns jsonb
language plpgsql stable security definer set search_path = pg_catalog, pg_temp
set timezone = 'UTC' set datestyle = 'ISO, YMD'
as $$
declare
    readable uuid[] := stats.readable_clients(p_client_id);
begin
    if p_client_id is null and readable is not null then
        raise exception using errcode = '42501', message = 'you may not see the platform''s totals',
            hint = 'Give p_client_id.';
    end if;
    perform stats.require_dates(p_day, p_day);
    -- Reasons and authors of a day's replacement may be about other clients: only what became of this one's numbers is told.
    return (
        select jsonb_build_object(
            'date', p_day,
            'computed_at', s.computed_at,
            'stale_since', case when state.is_stale then s.stale_since end,
            'held_since', case when state.is_held then s.held_since end,
            'kept_since', case when state.is_kept then k.accepted_at end,
            'as_of', r.as_of, 'complete', r.complete,
            'changes', (
                select coalesce(jsonb_agg(jsonb_build_object(
                    'replaced_at', l.replaced_at, 'cause', l.cause,
                    'hits_before', l.hits_before, 'hits_after', l.hits_after,
                    'visits_before', l.visits_before, 'visits_after', l.visits_after,
                    'conversions_before', l.conversions_before, 'conversions_after', l.conversions_after
                ) order by l.replaced_at), '[]')
                from stats.day_ledger l
                where l.bucket_date = p_day and l.client_id is not distinct from p_client_id
                  and l.grain = case when p_client_id is null then 'platform' else 'client' end
            ),
            'exclusions', (
                select coalesce(jsonb_agg(jsonb_build_object(
                    'entity_id', x.campaign_id, 'title', c.title, 'reason', x.reason, 'created_at', x.created_at
                ) order by x.created_at, x.campaign_id), '[]')
                from stats.exclusion x
                join stats.campaigns c on c.id = x.campaign_id and c.client_id = p_client_id
            ),
            'closing', (
                select jsonb_build_object('month', e.month, 'version', e.version, 'closed_at', e.recorded_at, 'hash', e.hash)
                from stats.standing_closing(p_client_id, p_day) e
            )
        )
        from stats.range_state(p_day, p_day, p_client_id) r
        left join stats.partition_state s on s.bucket_date = p_day
        left join stats.kept_day k on k.bucket_date = p_day
        cross join lateral (
            select s.stale_since is not null
                       and (p_client_id is null or s.stale_clients is null or p_client_id = any (s.stale_clients)) as is_stale,
                   s.held_since is not null
                       and (p_client_id is null or s.held_clients is null or p_client_id = any (s.held_clients)) as is_held,
                   k.bucket_date is not null
                       and (p_client_id is null or k.clients is null or p_client_id = any (k.clients)) as is_kept
        ) state
    );
end
$$;
comment on function stats.day_history(uuid, date) is
    'What became of a client''s numbers of one day: when it was computed, whether it is stale, held or kept for the client, every change with before and after, the exclusions of its campaigns (E3), the closing of its month. p_client_id NULL: the platform, for those who see all. Raises 42501, ST002, ST009. [readers]';

create or replace function stats.readable_names(p_client_id uuid default null)
returns table (kind text, id uuid, client_id uuid, name text)
language plpgsql stable security definer set search_path = pg_catalog, pg_temp
set timezone = 'UTC' set datestyle = 'ISO, YMD'
as $$
#variable_conflict use_column
declare
    readable uuid[] := stats.readable_clients(p_client_id);
begin
    return query
        select n.*
        from (
            select 'client', c.id, c.id, c.name from stats.clients c
            union all
            select 'campaign', c.id, c.client_id, c.title from stats.campaigns c
            union all
            select 'webinar', w.id, w.client_id, w.title from stats.webinars w
            union all
            select 'link', l.id, l.client_id, l.name from stats.links l
        ) n (kind, id, client_id, name)
        where (p_client_id is null or n.client_id = p_client_id) and (readable is null or n.client_id = any (readable));
end
$$;
comment on function stats.readable_names(uuid) is
    'Names of clients, campaigns, webinars and links (kind) by id and client, for rows that have ids alone: of p_client_id, NULL: of all the caller may see. Raises 42501. [readers]';

revoke execute on function stats.standing_closing(uuid, date), stats.settlement(uuid, date, date), stats.day_history(uuid, date),
    stats.readable_names(uuid) from public;
grant execute on function stats.standing_closing(uuid, date), stats.settlement(uuid, date, date) to eventflow_pipeline;
