-- What readers ask over PostgREST: the one schema to expose. Every function here has the name of the read it asks, asks it
-- with the caller's own rights, and answers one JSON value, which no limit of rows cuts; beside it how far it may be trusted.
set local search_path = pg_catalog, pg_temp;

do $$
begin
    -- Not IF NOT EXISTS: that wants the right to create, also where there is nothing to create.
    if to_regnamespace('stats_api') is null then
        create schema stats_api;
    end if;
end
$$;
comment on schema stats_api is 'Reads as JSON, each with how complete, how old and how final it is: the schema to expose to PostgREST.';

-- What answers have in common. In stats, because whatever is in stats_api can be called by name over HTTP.

create or replace function stats.age_seconds(p_at timestamptz) returns bigint
language sql stable set search_path = pg_catalog, pg_temp
as $$ select case when p_at is not null then greatest(floor(extract(epoch from now() - p_at)), 0)::bigint end $$;
comment on function stats.age_seconds(timestamptz) is 'How long ago p_at was, in whole seconds, 0 at the least; NULL of NULL.';

create or replace function stats.state_of_clients(p_from date, p_to date, p_clients uuid[]) returns jsonb
language sql stable set search_path = pg_catalog, pg_temp
as $$
    select jsonb_build_object('complete', coalesce(bool_and(s.complete), true), 'as_of', min(s.as_of),
                              'as_of_age_seconds', stats.age_seconds(min(s.as_of)),
                              'late', coalesce(bool_or(s.late), false), 'closed', coalesce(bool_and(s.closed), false))
    from (
        select r.complete, r.as_of, r.late, stats.range_closed(p_from, p_to, asked.client_id) as closed
        from unnest(coalesce(p_clients, array[null::uuid])) as asked (client_id)
        cross join lateral stats.range_state(p_from, p_to, asked.client_id) r
    ) s
$$;
comment on function stats.state_of_clients(date, date, uuid[]) is
    'complete, as_of, as_of_age_seconds, late and closed of the worst of some clients (NULL: of everybody). For functions that have checked caller and range.';

create or replace function stats.answer_with_state(p_answer jsonb, p_from date, p_to date, p_client_id uuid) returns jsonb
language plpgsql stable security definer set search_path = pg_catalog, pg_temp
set timezone = 'UTC' set datestyle = 'ISO, YMD'
as $$
declare
    readable uuid[] := stats.readable_clients(p_client_id);
    answer jsonb;
begin
    perform stats.require_bounds(p_from, p_to);
    -- What a read says of itself stands: a webinar's curve has a completeness of its own.
    answer := stats.state_of_clients(p_from, p_to, case when p_client_id is null then readable else array[p_client_id] end)
        || jsonb_build_object(
            'client_id', p_client_id, 'client_name', (select c.name from stats.clients c where c.id = p_client_id),
            'from', p_from, 'to', p_to)
        || p_answer;
    return answer || jsonb_build_object('as_of_age_seconds', stats.age_seconds((answer ->> 'as_of')::timestamptz));
end
$$;
comment on function stats.answer_with_state(jsonb, date, date, uuid) is
    'A read''s answer with, where it has none: client_id and client_name, from and to, complete, as_of, late and closed of the client over the range (p_client_id NULL: of all the caller may see, the worst), and as_of_age_seconds, NULL without as_of. Raises 42501, ST002, ST008, ST009. [readers]';

create or replace function stats.items_with_names(p_items jsonb, p_client_id uuid default null) returns jsonb
language plpgsql stable security definer set search_path = pg_catalog, pg_temp
set timezone = 'UTC' set datestyle = 'ISO, YMD'
as $$
declare
    readable uuid[] := stats.readable_clients(p_client_id);
begin
    return (
        with item as materialized (
            select i.content, i.place, (i.content ->> 'entity_id')::uuid as entity_id, i.content ->> 'entity_type' as entity_type,
                   (i.content ->> 'link_id')::uuid as link_id, stated.client_id,
                   -- Of others than the caller's nothing is named, whatever is handed in.
                   readable is null or stated.client_id = any (readable) as may_name
            from jsonb_array_elements(case jsonb_typeof(p_items) when 'array' then p_items else '[]' end)
                with ordinality as i (content, place)
            cross join lateral (select coalesce((i.content ->> 'client_id')::uuid, p_client_id) as client_id) stated
        )
        select coalesce(jsonb_agg(
            i.content
            || case when i.content ? 'client_id' then jsonb_build_object('client_name', c.name) else '{}' end
            || case when i.content ? 'entity_type' then jsonb_build_object('entity_title', coalesce(k.title, w.title)) else '{}' end
            || case when i.content ? 'link_id' then jsonb_build_object('link_name', l.name) else '{}' end
            || case when i.content ? 'visits' then jsonb_build_object('cvr', round(
                   coalesce(i.content ->> 'conversions', i.content ->> 'count')::numeric / nullif((i.content ->> 'visits')::numeric, 0), 6
               )) else '{}' end
            order by i.place
        ), '[]')
        from item i
        left join stats.clients c on i.may_name and c.id = i.client_id
        -- An entry keeps the client it was stored with (E2), though its campaign may be another's: whose title nobody is told.
        left join stats.campaigns k
            on i.may_name and i.entity_type = 'campaign' and k.id = i.entity_id and k.client_id is not distinct from i.client_id
        left join stats.webinars w
            on i.may_name and i.entity_type = 'webinar' and w.id = i.entity_id and w.client_id is not distinct from i.client_id
        left join stats.links l on i.may_name and l.id = i.link_id and l.client_id = i.client_id
    );
end
$$;
comment on function stats.items_with_names(jsonb, uuid) is
    'A list of a read with names beside its ids (client_name, entity_title, link_name; of p_client_id where an item names no client; NULL for what the caller may not see) and cvr, conversions / visits, to six digits (M4). Raises 42501. [readers]';

create or replace function stats.readable_owner(p_entity_type text, p_entity_id uuid) returns uuid
language plpgsql stable security definer set search_path = pg_catalog, pg_temp
set timezone = 'UTC' set datestyle = 'ISO, YMD'
as $$
declare
    owner uuid := case p_entity_type
        when 'campaign' then (select c.client_id from stats.campaigns c where c.id = p_entity_id)
        when 'webinar' then (select w.client_id from stats.webinars w where w.id = p_entity_id) end;
begin
    if stats.readable_clients(owner) is not null and owner is null then
        raise exception using errcode = '42501', message = 'you may not see this campaign or webinar',
            hint = 'Ask for one of a client you are a member of.';
    end if;
    return owner;
end
$$;
comment on function stats.readable_owner(text, uuid) is
    'The client of a campaign or webinar (p_entity_type); NULL where it has none, for those who see all. Raises 42501. [readers]';

create or replace function stats.page_size(p_limit integer) returns integer
language sql stable set search_path = pg_catalog, pg_temp
set timezone = 'UTC' set datestyle = 'ISO, YMD'
as $$ select least(greatest(coalesce(p_limit, 1000), 1), 10000) $$;
comment on function stats.page_size(integer) is 'How many rows a page has that was asked for with p_limit: 1 to 10,000, NULL: 1,000. [readers]';

create or replace function stats.page_answer(
    p_rows jsonb, p_total bigint, p_limit integer, p_from date, p_to date, p_client_id uuid
) returns jsonb
language sql stable set search_path = pg_catalog, pg_temp
set timezone = 'UTC' set datestyle = 'ISO, YMD'
as $$
    select stats.answer_with_state(jsonb_build_object(
        'rows', stats.items_with_names(coalesce(jsonb_agg(r.content - 'key' order by r.place) filter (where r.place <= l.size), '[]')),
        'total', p_total,
        'next', case when count(*) > l.size then (p_rows -> l.size - 1) -> 'key' end
    ), p_from, p_to, p_client_id)
    from (select stats.page_size(p_limit) as size) l
    left join jsonb_array_elements(case jsonb_typeof(p_rows) when 'array' then p_rows else '[]' end)
        with ordinality as r (content, place) on true
    group by l.size
$$;
comment on function stats.page_answer(jsonb, bigint, integer, date, date, uuid) is
    'A page of p_rows, as many as p_limit asks for, which has one more where more follow: rows with names, total of all pages, and next, the key to ask the following page after (NULL: the last). [readers]';

-- Reads that only stats_api has.

create or replace function stats.series_by(p_client_id uuid, p_from_date date, p_to_date date, p_step text) returns jsonb
language plpgsql stable security definer set search_path = pg_catalog, pg_temp
set timezone = 'UTC' set datestyle = 'ISO, YMD'
as $$
declare
    screen record;
    own_grain constant text := case when p_client_id is null then 'platform' else 'client' end;
begin
    select * into screen from stats.screen_range(p_client_id, p_from_date, p_to_date);
    if p_step is null or p_step not in ('day', 'week', 'month') then
        raise exception using errcode = 'ST007', message = format('there is no step %L', left(p_step, 100)),
            hint = 'Use day, week or month.';
    end if;
    return (
        with period as materialized (
            select cut.first_day, cut.last_day,
                   cut.first_day = p.starts::date and cut.last_day = ends.last_day and ends.last_day < stats.today() as is_whole,
                   (select count(*) from stats.partition_state s
                    where s.bucket_date between cut.first_day and cut.last_day and s.computed_at is not null)
                       > cut.last_day - cut.first_day as is_computed
            from generate_series(date_trunc(p_step, screen.first_day::timestamp), screen.last_day::timestamp, ('1 ' || p_step)::interval)
                as p (starts)
            cross join lateral (select (p.starts + ('1 ' || p_step)::interval)::date - 1 as last_day) ends
            cross join lateral (
                select greatest(p.starts::date, screen.first_day) as first_day, least(ends.last_day, screen.last_day) as last_day
            ) cut
        ),
        -- A week's sessions are counted over the week, never from its days (M6); a day's are its bucket.
        measured as (
            select b.bucket_date as first_day, b.hits, b.visits, b.sessionless_hits, b.conversions
            from stats.bucket_daily b
            where p_step = 'day' and b.grain = own_grain and b.bucket_date between screen.first_day and screen.last_day
              and (p_client_id is null or b.client_id = p_client_id)
            union all
            select p.first_day, r.hits, r.visits, r.sessionless_hits, r.conversions
            from period p
            cross join lateral stats.range_rows(own_grain, p.first_day, p.last_day, p_client_id, screen.readable) r
            where p_step <> 'day' and p.is_computed
        )
        select jsonb_build_object(
            'step', p_step, 'from', screen.first_day, 'to', screen.last_day,
            'series', coalesce(jsonb_agg(jsonb_build_object(
                'from', p.first_day, 'to', p.last_day, 'is_whole', p.is_whole,
                'hits', case when p.is_computed then coalesce(m.hits, 0) end,
                'visits', case when p.is_computed then coalesce(m.visits, 0) end,
                'sessionless_hits', case when p.is_computed then coalesce(m.sessionless_hits, 0) end,
                'conversions', case when p.is_computed then coalesce(m.conversions, 0) end,
                'cvr', round(m.conversions::numeric / nullif(m.visits, 0), 6),
                'why_null', case when not p.is_computed then 'a day of it is not computed' end
            ) order by p.first_day), '[]')
        )
        from period p
        left join measured m on m.first_day = p.first_day
    );
end
$$;
comment on function stats.series_by(uuid, date, date, text) is
    'Measures of a client (NULL: the platform) for each day, week (from Monday) or month of inclusive local dates, each counted over its own days; one with a day that is not computed has NULL and why_null. is_whole: not cut by the range, and over. Raises 42501, ST002, ST005, ST008, ST009, ST007 (another step). [readers]';

create or replace function stats.agency_clients(p_from_date date, p_to_date date, p_agency_id uuid, p_top integer) returns jsonb
language plpgsql stable security definer set search_path = pg_catalog, pg_temp
set timezone = 'UTC' set datestyle = 'ISO, YMD'
as $$
declare
    readable constant uuid[] := stats.readable_clients(null);
    asked uuid[] := readable;
    first_day date;
    last_day date;
begin
    if p_agency_id is not null then
        select array_agg(c.id) into asked
        from stats.clients c
        where c.agency_id = p_agency_id and (readable is null or c.id = any (readable));
        if asked is null and readable is not null then
            raise exception using errcode = '42501', message = 'you may not see this agency',
                hint = 'Ask for one you are an owner, admin or analyst of, or leave out p_agency_id.';
        end if;
        asked := coalesce(asked, '{}');
    end if;
    perform stats.require_dates(p_from_date, p_to_date);
    select d.first_day, d.last_day into first_day, last_day
    from (
        select greatest(p_from_date, c.first_partition) as first_day, least(p_to_date, stats.today()) as last_day
        from stats.build_settings c
    ) d
    where d.first_day <= d.last_day;
    return (
        with ranked as materialized (
            select r.*, row_number() over (order by r.conversions desc, r.hits desc, r.client_name collate "C", r.client_id) as place
            from (
                select coalesce(c.id, m.client_id) as client_id, c.name as client_name, coalesce(m.hits, 0) as hits,
                       coalesce(m.visits, 0) as visits, coalesce(m.sessionless_hits, 0) as sessionless_hits,
                       coalesce(m.conversions, 0) as conversions
                from (select * from stats.clients c where asked is null or c.id = any (asked)) c
                full join stats.range_rows('client', first_day, last_day, null, asked) m on m.client_id = c.id
            ) r
        ),
        listed as materialized (
            select r.* from ranked r where r.place <= least(greatest(coalesce(p_top, 200), 1), 1000)
        )
        select stats.state_of_clients(p_from_date, p_to_date, asked) || jsonb_build_object(
            'agency_id', p_agency_id, 'agency_name', (select a.name from stats.agencies a where a.id = p_agency_id),
            'from', first_day, 'to', last_day,
            'clients', coalesce((
                select jsonb_agg(stats.state_of_clients(p_from_date, p_to_date, array[l.client_id]) || jsonb_build_object(
                    'client_id', l.client_id, 'client_name', l.client_name, 'is_unknown', l.client_id is null,
                    'hits', l.hits, 'visits', l.visits, 'sessionless_hits', l.sessionless_hits, 'conversions', l.conversions,
                    'cvr', round(l.conversions::numeric / nullif(l.visits, 0), 6)
                ) order by l.place)
                from listed l
            ), '[]'),
            'clients_rest', stats.screen_rest(
                count(*) - (select count(*) from listed), sum(r.hits) - (select sum(l.hits) from listed l),
                sum(r.conversions) - (select sum(l.conversions) from listed l)),
            'totals', jsonb_build_object(
                'clients', count(*), 'hits', coalesce(sum(r.hits), 0), 'sessionless_hits', coalesce(sum(r.sessionless_hits), 0),
                'conversions', coalesce(sum(r.conversions), 0), 'visits', null,
                'why_no_visits', 'sessions of several clients are not counted together')
        )
        from ranked r
    );
end
$$;
comment on function stats.agency_clients(date, date, uuid, integer) is
    'Every client of an agency (p_agency_id NULL: all the caller may see) over inclusive local dates, also without traffic, each with its own state: the p_top (1 to 1000, NULL: 200) with the most conversions, then hits, what is left as one row, and totals. Raises 42501 (not your agency), ST002, ST005, ST008, ST009. [readers]';

create or replace function stats.webinar_list(p_client_id uuid, p_from_date date, p_to_date date, p_top integer) returns jsonb
language plpgsql stable security definer set search_path = pg_catalog, pg_temp
set timezone = 'UTC' set datestyle = 'ISO, YMD'
as $$
declare
    screen record;
    state record;
begin
    select * into screen from stats.screen_range(p_client_id, p_from_date, p_to_date);
    -- As get_webinar_stats says it of one webinar.
    select least(min(s.computed_at), screen.as_of) as as_of,
           screen.complete and count(s.bucket_date) filter (where s.derived_from = p.day_fingerprint) = count(days.day) as complete
    into state
    from generate_series(screen.first_day, screen.last_day, interval '1 day') as days (day)
    left join stats.webinar_day_state s on s.bucket_date = days.day::date
    left join stats.partition_state p on p.bucket_date = days.day::date;
    return (
        with webinar as (
            select d.webinar_id, d.client_id, w.title, w.webinar_start_time, count(*) as days,
                   max(d.peak_viewers) as peak, sum(d.minutes_observed) as minutes_observed, sum(d.minutes_missed) as minutes_missed,
                   (array_agg(d.peak_at order by d.peak_viewers desc nulls last, d.bucket_date))[1] as peak_at,
                   sum(d.hits) as hits, sum(d.conversions) as conversions, max(d.visits) as visits,
                   bool_or(d.campaign_shared) as campaign_shared
            from stats.webinar_stats_daily d
            left join stats.webinars w on w.id = d.webinar_id and w.client_id is not distinct from d.client_id
            where d.bucket_date between screen.first_day and screen.last_day
              and (p_client_id is null or d.client_id = p_client_id)
              and (screen.readable is null or d.client_id = any (screen.readable))
            group by 1, 2, 3, 4
        ),
        ranked as materialized (
            select w.*, row_number() over (order by w.webinar_start_time desc nulls last, w.webinar_id) as place from webinar w
        ),
        listed as materialized (
            select r.* from ranked r where r.place <= least(greatest(coalesce(p_top, 200), 1), 1000)
        )
        select jsonb_build_object(
            'from', screen.first_day, 'to', screen.last_day, 'as_of', state.as_of, 'complete', state.complete,
            'webinars', coalesce((
                select jsonb_agg(jsonb_build_object(
                    'client_id', l.client_id, 'webinar_id', l.webinar_id, 'title', l.title,
                    'webinar_start_time', l.webinar_start_time, 'peak', l.peak, 'peak_at', l.peak_at,
                    'minutes_observed', l.minutes_observed, 'minutes_missed', l.minutes_missed,
                    'hits', l.hits, 'conversions', l.conversions, 'campaign_shared', l.campaign_shared,
                    'visits', case when l.days = 1 then l.visits end,
                    'why_no_visits', case when l.days > 1 then 'sessions of several days are not counted together' end
                ) order by l.place)
                from listed l
            ), '[]'),
            'webinars_rest', stats.screen_rest(
                count(*) - (select count(*) from listed), coalesce(sum(r.hits), 0) - (select coalesce(sum(l.hits), 0) from listed l),
                coalesce(sum(r.conversions), 0) - (select coalesce(sum(l.conversions), 0) from listed l))
        )
        from ranked r
    );
end
$$;
comment on function stats.webinar_list(uuid, date, date, integer) is
    'Webinars of a client (NULL: of all, for those who see all) that were live or had visits on inclusive local dates, latest start first: the peak, minutes observed and missed, hits and conversions (W3); visits where it was one day. p_top (1 to 1000, NULL: 200), what is left as one row. Raises 42501, ST002, ST005, ST008, ST009. [readers]';

-- The reads themselves.

create or replace function stats_api.get_client_overview(p_client_id uuid, p_from_date date, p_to_date date, p_top integer default null)
returns jsonb
language plpgsql stable set search_path = pg_catalog, pg_temp
set timezone = 'UTC' set datestyle = 'ISO, YMD'
as $$
declare
    answer jsonb := public.get_client_overview(p_client_id, p_from_date, p_to_date, p_top);
    before constant jsonb := answer -> 'previous_period';
begin
    return stats.answer_with_state(answer || jsonb_build_object(
        'totals', stats.items_with_names(jsonb_build_array(answer -> 'totals')) -> 0,
        'previous_period', case when (before ->> 'complete')::boolean
            then (stats.items_with_names(jsonb_build_array(before)) -> 0) || jsonb_build_object('why_not_compared', null)
            else before || jsonb_build_object('hits', null, 'visits', null, 'sessionless_hits', null, 'conversions', null, 'cvr', null,
                'why_not_compared', 'a day of it is missing, stale, held, kept by decision or before the first partition') end,
        'campaigns', stats.items_with_names(answer -> 'campaigns'), 'webinars', stats.items_with_names(answer -> 'webinars'),
        'series', stats.items_with_names(answer -> 'series')
    ), p_from_date, p_to_date, p_client_id);
end
$$;
comment on function stats_api.get_client_overview(uuid, date, date, integer) is
    'Totals of a client over inclusive local dates, the equally long period before (NULL measures and why_not_compared unless it is complete), campaigns, webinars, number of links, days. p_client_id NULL: the platform, for those who see all. p_top: members of each list. Raises 42501, ST002, ST005, ST008, ST009. [readers]';

create or replace function stats_api.get_agency_overview(
    p_from_date date, p_to_date date, p_agency_id uuid default null, p_top integer default null
) returns jsonb
language sql stable set search_path = pg_catalog, pg_temp
set timezone = 'UTC' set datestyle = 'ISO, YMD'
as $$
    select stats.agency_clients(p_from_date, p_to_date, p_agency_id, p_top)
$$;
comment on function stats_api.get_agency_overview(date, date, uuid, integer) is
    'Every client of an agency over inclusive local dates, most conversions first, each with its own complete, as_of, late and closed; hits and conversions of all, of which visits do not add up. p_agency_id NULL: every client the caller may see. p_top: clients listed. Raises 42501, ST002, ST005, ST008, ST009. [readers]';

create or replace function stats_api.get_marketing_summary(p_client_id uuid, p_from_date date, p_to_date date, p_top integer default null)
returns jsonb
language plpgsql stable set search_path = pg_catalog, pg_temp
set timezone = 'UTC' set datestyle = 'ISO, YMD'
as $$
declare
    answer jsonb := public.get_marketing_summary(p_client_id, p_from_date, p_to_date, p_top);
begin
    return stats.answer_with_state(answer || jsonb_build_object(
        'cvr', round((answer ->> 'total_conversions')::numeric / nullif((answer ->> 'total_visits')::numeric, 0), 6),
        'by_source', stats.items_with_names(answer -> 'by_source'), 'by_medium', stats.items_with_names(answer -> 'by_medium'),
        'by_campaign', stats.items_with_names(answer -> 'by_campaign'), 'by_combo', stats.items_with_names(answer -> 'by_combo')
    ), p_from_date, p_to_date, p_client_id);
end
$$;
comment on function stats_api.get_marketing_summary(uuid, date, date, integer) is
    'Conversions, hits, visits and cvr of a client over inclusive local dates, by UTM source, medium, campaign and combination (NULL shown as __direct__ with is_unknown true), hits and conversions by link status. p_client_id NULL: the platform, for those who see all. p_top: members of each list. Raises 42501, ST002, ST005, ST008, ST009. [readers]';

create or replace function stats_api.get_link_stats(p_client_id uuid, p_from_date date, p_to_date date, p_top integer default null)
returns jsonb
language plpgsql stable set search_path = pg_catalog, pg_temp
set timezone = 'UTC' set datestyle = 'ISO, YMD'
as $$
declare
    answer jsonb := public.get_link_stats(p_client_id, p_from_date, p_to_date, p_top);
begin
    return stats.answer_with_state(answer || jsonb_build_object(
        'totals', stats.items_with_names(jsonb_build_array(answer -> 'totals')) -> 0,
        'links', stats.items_with_names(answer -> 'links')
    ), p_from_date, p_to_date, p_client_id);
end
$$;
comment on function stats_api.get_link_stats(uuid, date, date, integer) is
    'Links of a client over inclusive local dates, also without traffic, and what arrived by unresolved links or none, each with its days; the client''s totals. p_client_id NULL: the platform, for those who see all. p_top: links listed. Raises 42501, ST002, ST005, ST008, ST009. [readers]';

create or replace function stats_api.get_series(p_client_id uuid, p_from_date date, p_to_date date, p_step text default 'day')
returns jsonb
language sql stable set search_path = pg_catalog, pg_temp
set timezone = 'UTC' set datestyle = 'ISO, YMD'
as $$
    select stats.answer_with_state(stats.series_by(p_client_id, p_from_date, p_to_date, p_step), p_from_date, p_to_date, p_client_id)
$$;
comment on function stats_api.get_series(uuid, date, date, text) is
    'Measures of a client for each day, week (from Monday) or month of inclusive local dates, p_step, each counted over its own days: never add visits up. One with a day that is not computed has NULL and why_null. p_client_id NULL: the platform, for those who see all. Raises 42501, ST002, ST005, ST008, ST009, ST007 (another step). [readers]';

create or replace function stats_api.get_webinars(p_client_id uuid, p_from_date date, p_to_date date, p_top integer default null)
returns jsonb
language sql stable set search_path = pg_catalog, pg_temp
set timezone = 'UTC' set datestyle = 'ISO, YMD'
as $$
    select stats.answer_with_state(
        l.answer || jsonb_build_object('webinars', stats.items_with_names(l.answer -> 'webinars')), p_from_date, p_to_date, p_client_id)
    from (select stats.webinar_list(p_client_id, p_from_date, p_to_date, p_top) as answer) l
$$;
comment on function stats_api.get_webinars(uuid, date, date, integer) is
    'Webinars of a client with a curve, visits or conversions on inclusive local dates, latest start first: peak, minutes observed and missed, hits, conversions (W3), cvr and visits where it was one day. p_client_id NULL: all, for those who see all. p_top: webinars listed. Raises 42501, ST002, ST005, ST008, ST009. [readers]';

create or replace function stats_api.get_webinar_stats(p_webinar_id uuid, p_from date, p_to date, p_interval text default '5m')
returns jsonb
language sql stable set search_path = pg_catalog, pg_temp
set timezone = 'UTC' set datestyle = 'ISO, YMD'
as $$
    select stats.answer_with_state(
        w.answer || jsonb_build_object('days', stats.items_with_names(w.answer -> 'days')),
        p_from, p_to, stats.readable_owner('webinar', p_webinar_id))
    from (select public.get_webinar_stats(p_webinar_id, p_from, p_to, p_interval) as answer) w
$$;
comment on function stats_api.get_webinar_stats(uuid, date, date, text) is
    'Concurrency of one webinar over inclusive local dates in intervals of 5m, 15m or 1h, its peak, and its days with visits and conversions (W3). Raises 42501, ST002, ST008, ST009, ST007 (another interval). [readers]';

create or replace function stats_api.get_data_quality(p_client_id uuid, p_from_date date, p_to_date date) returns jsonb
language sql stable set search_path = pg_catalog, pg_temp
set timezone = 'UTC' set datestyle = 'ISO, YMD'
as $$
    select stats.answer_with_state(public.get_data_quality(p_client_id, p_from_date, p_to_date), p_from_date, p_to_date, p_client_id)
$$;
comment on function stats_api.get_data_quality(uuid, date, date) is
    'Data-quality indicators (Q1-Q7) of a client by inclusive local day; complete: every day is measured as its buckets are now. p_client_id NULL: all clients, for those who see all. Raises 42501, ST002, ST005, ST008, ST009. [readers]';

create or replace function stats_api.get_campaign_visits_raw(
    p_campaign_id uuid, p_from_date date, p_to_date date,
    p_after_accessed_at timestamptz default null, p_after_id uuid default null, p_limit integer default 100
) returns jsonb
language sql stable set search_path = pg_catalog, pg_temp
set timezone = 'UTC' set datestyle = 'ISO, YMD'
as $$
    select stats.answer_with_state(
        v.answer || jsonb_build_object('visits', stats.items_with_names(v.answer -> 'visits', v.owner)), p_from_date, p_to_date, v.owner)
    from (
        select public.get_campaign_visits_raw(p_campaign_id, p_from_date, p_to_date, p_after_accessed_at, p_after_id, p_limit) as answer,
               stats.readable_owner('campaign', p_campaign_id) as owner
    ) v
$$;
comment on function stats_api.get_campaign_visits_raw(uuid, date, date, timestamptz, uuid, integer) is
    'The drill-down: visit hits of a campaign on computed local days, oldest first, without personal data, at most p_limit (1 to 1000); pass next.after_* for the following page. Raises 42501, ST002, ST005, ST008, ST009. [readers]';

create or replace function stats_api.get_closings(p_client_id uuid, p_from_date date, p_to_date date) returns jsonb
language sql stable set search_path = pg_catalog, pg_temp
set timezone = 'UTC' set datestyle = 'ISO, YMD'
as $$
    select stats.answer_with_state(jsonb_build_object('closings', stats.items_with_names(coalesce(jsonb_agg(jsonb_build_object(
        'client_id', e.client_id, 'entry_no', e.entry_no, 'kind', e.kind, 'month', e.month, 'version', e.version,
        'reason', e.reason, 'author', e.author, 'recorded_at', e.recorded_at, 'hash', e.hash,
        'figure', case when e.kind <> 'reopened' then jsonb_build_object(
            'hits', coalesce(f.hits, 0), 'visits', coalesce(f.visits, 0), 'sessionless_hits', coalesce(f.sessionless_hits, 0),
            'conversions', coalesce(f.conversions, 0)) end
    ) order by e.entry_no), '[]'))), p_from_date, p_to_date, p_client_id)
    -- Whose rows the caller sees is the policy's matter.
    from stats.closing e
    left join stats.closing_figure f on f.entry_no = e.entry_no and f.grain = 'client'
    where (p_client_id is null or e.client_id = p_client_id) and e.last_day >= p_from_date and e.month <= p_to_date
$$;
comment on function stats_api.get_closings(uuid, date, date) is
    'Closings, adjustments and reopenings of the client''s months with a day in the range, oldest first, each with the client''s figure: as closed, or the signed difference (docs/closing.md). p_client_id NULL: of all the caller may see. Raises 42501, ST002, ST008, ST009. [readers]';

-- Row sets, a page at a time in the order of their keys. An array orders NULL, the unknown member, behind every value.

create or replace function stats_api.list_range_summary(
    p_grain text, p_from date, p_to date, p_client_id uuid default null, p_after text[] default null, p_limit integer default 1000
) returns jsonb
language sql stable set search_path = pg_catalog, pg_temp
set timezone = 'UTC' set datestyle = 'ISO, YMD'
as $$
    with member as materialized (
        select r.*, array[r.client_id::text, r.entity_type, r.entity_id::text, r.link_id::text, r.link_status,
                          r.utm_source, r.utm_medium, r.utm_campaign] as key
        from stats.range_summary(p_grain, p_from, p_to, p_client_id) r
    ),
    page as (
        select m.* from member m
        where p_after is null or m.key > p_after collate "C"
        order by m.key collate "C"
        limit stats.page_size(p_limit) + 1
    )
    select stats.page_answer(
        coalesce(jsonb_agg(to_jsonb(p) order by p.key collate "C"), '[]'), (select count(*) from member), p_limit, p_from, p_to, p_client_id)
    from page p
$$;
comment on function stats_api.list_range_summary(text, date, date, uuid, text[], integer) is
    'stats.range_summary with names, a page at a time: rows, total (rows of all pages), next (p_after of the following page, NULL: the last). p_limit: 1 to 10,000. Raises what range_summary does. [readers]';

create or replace function stats_api.list_daily_series(
    p_grain text, p_from date, p_to date, p_client_id uuid default null, p_after text[] default null, p_limit integer default 1000
) returns jsonb
language sql stable set search_path = pg_catalog, pg_temp
set timezone = 'UTC' set datestyle = 'ISO, YMD'
as $$
    with member as materialized (
        select r.*, array[r.client_id::text, r.entity_type, r.entity_id::text, r.link_id::text, r.link_status,
                          r.utm_source, r.utm_medium, r.utm_campaign, r.bucket_date::text] as key
        from stats.daily_series(p_grain, p_from, p_to, p_client_id) r
    ),
    page as (
        select m.* from member m
        where p_after is null or m.key > p_after collate "C"
        order by m.key collate "C"
        limit stats.page_size(p_limit) + 1
    )
    select stats.page_answer(
        coalesce(jsonb_agg(to_jsonb(p) order by p.key collate "C"), '[]'), (select count(*) from member), p_limit, p_from, p_to, p_client_id)
    from page p
$$;
comment on function stats_api.list_daily_series(text, date, date, uuid, text[], integer) is
    'stats.daily_series with names, a page at a time: rows, total, next (p_after of the following page, NULL: the last). p_limit: 1 to 10,000. Raises what daily_series does. [readers]';

create or replace function stats_api.list_campaign_hours(
    p_from date, p_to date, p_client_id uuid default null, p_after text[] default null, p_limit integer default 1000
) returns jsonb
language sql stable set search_path = pg_catalog, pg_temp
set timezone = 'UTC' set datestyle = 'ISO, YMD'
as $$
    with member as materialized (
        select r.*, array[r.client_id::text, r.entity_type, r.entity_id::text, r.bucket_date::text, r.bucket_hour::text] as key
        from stats.campaign_hours(p_from, p_to, p_client_id) r
    ),
    page as (
        select m.* from member m
        where p_after is null or m.key > p_after collate "C"
        order by m.key collate "C"
        limit stats.page_size(p_limit) + 1
    )
    select stats.page_answer(
        coalesce(jsonb_agg(to_jsonb(p) order by p.key collate "C"), '[]'), (select count(*) from member), p_limit, p_from, p_to, p_client_id)
    from page p
$$;
comment on function stats_api.list_campaign_hours(date, date, uuid, text[], integer) is
    'stats.campaign_hours with names, a page at a time: rows, total, next (p_after of the following page, NULL: the last). p_limit: 1 to 10,000. Raises what campaign_hours does. [readers]';

revoke execute on function stats.age_seconds(timestamptz), stats.state_of_clients(date, date, uuid[]) from public;
