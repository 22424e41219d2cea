-- What the admin screens call (Supabase RPC): answered from aggregates alone, except the explicit drill-down.
set local search_path = pg_catalog, pg_temp;

select stats.set_aside(format('public.%s(uuid, date, date%s)', screen.name, more.argument))
from unnest(array['get_marketing_summary', 'get_link_stats', 'get_client_overview']) as screen (name)
cross join unnest(array['', ', integer']) as more (argument);
select stats.set_aside('public.get_campaign_visits_raw(uuid, date, date, timestamptz, uuid, integer)');

create or replace function stats.screen_range(p_client_id uuid, p_from_date date, p_to_date date)
returns table (readable uuid[], as_of timestamptz, complete boolean, closed boolean, first_day date, last_day date)
language plpgsql stable security definer set search_path = pg_catalog, pg_temp
as $$
begin
    readable := stats.readable_clients(p_client_id);
    if p_client_id is null and readable is not null then
        raise exception using errcode = '42501', message = 'you may not see the platform''s totals',
            hint = 'Give p_client_id.';
    end if;
    perform stats.require_dates(p_from_date, p_to_date);
    select s.as_of, s.complete into as_of, complete from stats.range_state(p_from_date, p_to_date, p_client_id) s;
    closed := stats.range_closed(p_from_date, p_to_date, p_client_id);
    -- What there can be numbers of: a screen asks for "this month" or for all there is.
    select d.first_day, d.last_day into first_day, last_day
    from (
        select greatest(p_from_date, c.first_partition) as first_day, least(p_to_date, stats.today()) as last_day
        from stats.build_settings c
    ) d
    where d.first_day <= d.last_day;
    return next;
end
$$;
comment on function stats.screen_range(uuid, date, date) is
    'Checks a screen''s caller and range; gives as_of, complete, closed, and the days it covers: from the first partition at the earliest to today at the latest, NULL when that leaves none. A day not computed makes a screen incomplete, not an error; so does a beginning before the first partition. Raises 42501, ST002, ST005, ST008 or ST009.';

create or replace function stats.screen_days(p_from_date date, p_to_date date)
returns table (day date, computed boolean)
language sql stable set search_path = pg_catalog, pg_temp
as $$
    select days.day::date, s.computed_at is not null
    from generate_series(p_from_date, p_to_date, interval '1 day') as days (day)
    left join stats.partition_state s on s.bucket_date = days.day::date
$$;
comment on function stats.screen_days(date, date) is
    'The days of a screen''s range and whether each is computed: a computed day without traffic is 0, another one is NULL.';

create or replace function stats.folded_id() returns uuid
language sql immutable parallel safe
return '00000000-0000-0000-0000-000000000000'::uuid;
comment on function stats.folded_id() is 'What a folded link or entity counts as (A6).';

create or replace function stats.share(p_part numeric, p_whole numeric) returns numeric
language sql immutable parallel safe
return round(p_part / nullif(p_whole, 0), 4);
comment on function stats.share(numeric, numeric) is 'p_part / p_whole to four digits; NULL when p_whole is 0 (M4).';

create or replace function stats.top_rows(
    p_grain text, p_from date, p_to date, p_client_id uuid, p_readable uuid[], p_top integer, p_webinars_apart boolean default false
)
returns table (
    client_id uuid, entity_type text, entity_id uuid, link_id uuid, link_status text,
    utm_source text, utm_medium text, utm_campaign text,
    hits bigint, visits bigint, sessionless_hits bigint, conversions bigint, cvr numeric,
    place bigint, members bigint, all_hits bigint, all_conversions bigint
)
-- Enough for 100,000 members to be counted and put in order without a temporary file, taken only where there are so many.
language plpgsql stable set search_path = pg_catalog, pg_temp set work_mem = '64MB'
as $$
begin
    return query execute format($sql$
        select *
        from (
            select r.*, row_number() over (
                       partition by %2$s order by r.conversions desc, r.hits desc, r.utm_source collate "C",
                       r.utm_medium collate "C", r.utm_campaign collate "C", r.entity_id, r.link_id, r.link_status, r.client_id
                   ) as place,
                   count(*) over e, stats.total(r.hits) over e, stats.total(r.conversions) over e
            from (%1$s) as r (client_id, entity_type, entity_id, link_id, link_status, utm_source, utm_medium, utm_campaign,
                              hits, visits, sessionless_hits, conversions, cvr)
            window e as (partition by %2$s)
        ) ranked
        where ranked.place <= $5
    $sql$, stats.range_query(p_grain, p_from, p_to, p_client_id),
           case when p_webinars_apart then $part$r.entity_type = 'webinar'$part$ else 'true' end)
    using p_from, p_to, p_client_id, p_readable, least(greatest(coalesce(p_top, 200), 1), 1000);
end
$$;
comment on function stats.top_rows(text, date, date, uuid, uuid[], integer, boolean) is
    'The p_top (1 to 1000, NULL: 200) members of range_rows with the most conversions, then hits, at their place; beside each how many members there are and their hits and conversions, which add up. p_webinars_apart: webinars and the rest each have their own. For functions that have checked.';

create or replace function stats.screen_rest(p_members bigint, p_hits numeric, p_conversions numeric) returns jsonb
language sql immutable set search_path = pg_catalog, pg_temp
return case when p_members > 0 then jsonb_build_object(
    'members', p_members, 'hits', p_hits, 'conversions', p_conversions, 'visits', null,
    'why_no_visits', 'sessions of several members are not counted together: ask for more with p_top'
) end;
comment on function stats.screen_rest(bigint, numeric, numeric) is
    'What a list of a screen leaves out, as one row: its members, hits and conversions; NULL when it leaves out none.';

create or replace function public.get_marketing_summary(
    p_client_id uuid, p_from_date date, p_to_date date, p_top integer
) returns jsonb
language plpgsql stable security definer set search_path = pg_catalog, pg_temp
set timezone = 'UTC' set datestyle = 'ISO, YMD'
as $$
declare
    screen record;
    answer jsonb;
begin
    select * into screen from stats.screen_range(p_client_id, p_from_date, p_to_date);
    p_from_date := screen.first_day;
    p_to_date := screen.last_day;
    select jsonb_build_object(
        'total_conversions', coalesce(sum(t.conversions), 0),
        'total_visits', coalesce(sum(t.visits), 0),
        'total_hits', coalesce(sum(t.hits), 0),
        'cvr', stats.share(sum(t.conversions), sum(t.visits))
    ) into answer
    from stats.range_rows(case when p_client_id is null then 'platform' else 'client' end,
                          p_from_date, p_to_date, p_client_id, screen.readable) t;
    answer := answer || (
        select jsonb_build_object(
            'by_source', coalesce(jsonb_agg(jsonb_build_object(
                'client_id', r.client_id, 'source', coalesce(r.utm_source, '__direct__'), 'is_unknown', r.utm_source is null,
                'count', r.conversions, 'hits', r.hits, 'visits', r.visits, 'cvr', stats.share(r.conversions, r.visits)
            ) order by r.place), '[]'), 'by_source_rest', stats.screen_rest(
                max(r.members) - count(*), max(r.all_hits) - sum(r.hits), max(r.all_conversions) - sum(r.conversions)))
        from stats.top_rows('utm_source', p_from_date, p_to_date, p_client_id, screen.readable, p_top) r
    ) || (
        select jsonb_build_object(
            'by_medium', coalesce(jsonb_agg(jsonb_build_object(
                'client_id', r.client_id, 'medium', coalesce(r.utm_medium, '__direct__'), 'is_unknown', r.utm_medium is null,
                'count', r.conversions, 'hits', r.hits, 'visits', r.visits, 'cvr', stats.share(r.conversions, r.visits)
            ) order by r.place), '[]'), 'by_medium_rest', stats.screen_rest(
                max(r.members) - count(*), max(r.all_hits) - sum(r.hits), max(r.all_conversions) - sum(r.conversions)))
        from stats.top_rows('utm_medium', p_from_date, p_to_date, p_client_id, screen.readable, p_top) r
    ) || (
        select jsonb_build_object(
            'by_campaign', coalesce(jsonb_agg(jsonb_build_object(
                'client_id', r.client_id, 'campaign', coalesce(r.utm_campaign, '__direct__'), 'is_unknown', r.utm_campaign is null,
                'count', r.conversions, 'hits', r.hits, 'visits', r.visits, 'cvr', stats.share(r.conversions, r.visits)
            ) order by r.place), '[]'), 'by_campaign_rest', stats.screen_rest(
                max(r.members) - count(*), max(r.all_hits) - sum(r.hits), max(r.all_conversions) - sum(r.conversions)))
        from stats.top_rows('utm_campaign', p_from_date, p_to_date, p_client_id, screen.readable, p_top) r
    ) || (
        select jsonb_build_object(
            'by_combo', coalesce(jsonb_agg(jsonb_build_object(
                'client_id', r.client_id,
                'source', coalesce(r.utm_source, '__direct__'), 'medium', coalesce(r.utm_medium, '__direct__'),
                'campaign', coalesce(r.utm_campaign, '__direct__'), 'source_is_unknown', r.utm_source is null,
                'medium_is_unknown', r.utm_medium is null, 'campaign_is_unknown', r.utm_campaign is null,
                'is_unknown', coalesce(r.utm_source, r.utm_medium, r.utm_campaign) is null,
                'count', r.conversions, 'hits', r.hits, 'visits', r.visits, 'cvr', stats.share(r.conversions, r.visits)
            ) order by r.place), '[]'), 'by_combo_rest', stats.screen_rest(
                max(r.members) - count(*), max(r.all_hits) - sum(r.hits), max(r.all_conversions) - sum(r.conversions)))
        from stats.top_rows('utm', p_from_date, p_to_date, p_client_id, screen.readable, p_top) r
    ) || (
        -- Hits and conversions add up over links; visits do not, so they are not given by status.
        select jsonb_build_object('link_status', jsonb_object_agg(
            status.name, jsonb_build_object('hits', coalesce(r.hits, 0), 'conversions', coalesce(r.conversions, 0))))
        from (values ('resolved'), ('unresolved'), ('unknown')) as status (name)
        left join (
            select b.link_status::text as link_status, sum(b.hits) as hits, sum(b.conversions) as conversions
            from stats.bucket_daily b
            where b.grain = 'link' and b.bucket_date between p_from_date and p_to_date
              and (p_client_id is null or b.client_id = p_client_id)
              and (screen.readable is null or b.client_id = any (screen.readable))
            group by b.link_status
        ) r on r.link_status = status.name
    );
    return answer || jsonb_build_object(
        'from', p_from_date, 'to', p_to_date, 'as_of', screen.as_of, 'complete', screen.complete, 'closed', screen.closed);
end
$$;
comment on function public.get_marketing_summary(uuid, date, date, integer) is
    'eventflow_pipeline: conversions, hits, visits and cvr of a client over inclusive local dates, by UTM source, medium, campaign and combination (NULL shown as __direct__ with is_unknown true: anybody can type a label), of each the p_top (1 to 1000, default 200) with the most conversions, then hits, and what is left as one row (_rest); hits and conversions by link status. p_client_id NULL: the platform, for those who see all; its lists are per client, which each item names. Raises 42501, ST002, ST005, ST008, ST009. [readers]';

create or replace function public.get_marketing_summary(p_client_id uuid, p_from_date date, p_to_date date) returns jsonb
language sql stable set search_path = pg_catalog, pg_temp
set timezone = 'UTC' set datestyle = 'ISO, YMD'
as $$ select public.get_marketing_summary(p_client_id, p_from_date, p_to_date, null) $$;
comment on function public.get_marketing_summary(uuid, date, date) is
    'eventflow_pipeline: get_marketing_summary with the 200 members of each list that have the most conversions, then hits. [readers]';

create or replace function public.get_link_stats(
    p_client_id uuid, p_from_date date, p_to_date date, p_top integer
) returns jsonb
language plpgsql stable security definer set search_path = pg_catalog, pg_temp
set timezone = 'UTC' set datestyle = 'ISO, YMD'
as $$
declare
    screen record;
begin
    select * into screen from stats.screen_range(p_client_id, p_from_date, p_to_date);
    p_from_date := screen.first_day;
    p_to_date := screen.last_day;
    return (
        with calendar_day as materialized (
            select c.day, c.computed from stats.screen_days(p_from_date, p_to_date) c
        ),
        traffic as materialized (
            select r.*, row(r.client_id, r.entity_type, r.entity_id, r.link_id, r.link_status)::text as member
            from stats.top_rows('link', p_from_date, p_to_date, p_client_id, screen.readable, p_top) r
        ),
        -- The days of what is listed, and of all links there are: nobody invents those.
        daily as materialized (
            select b.client_id, b.entity_type, b.entity_id, b.link_id, b.link_status,
                   row(b.client_id, b.entity_type, b.entity_id, b.link_id, b.link_status)::text as member,
                   jsonb_object_agg(b.bucket_date, jsonb_build_array(b.visits, b.conversions)) as measured
            from stats.bucket_daily b
            where b.grain = 'link' and b.bucket_date between p_from_date and p_to_date
              and (p_client_id is null or b.client_id = p_client_id)
              and (screen.readable is null or b.client_id = any (screen.readable))
              and (b.link_status = 'resolved'
                   or row(b.client_id, b.entity_type, b.entity_id, b.link_id, b.link_status)::text in (select t.member from traffic t))
            group by 1, 2, 3, 4, 5
        ),
        idle as materialized (
            select l.client_id, l.target_type as entity_type, coalesce(l.target_campaign_id, l.target_webinar_id) as entity_id,
                   l.id as link_id, l.name, row_number() over (order by l.name, l.id) as place
            from stats.links l
            where (p_client_id is null or l.client_id = p_client_id)
              and (screen.readable is null or l.client_id = any (screen.readable))
              and not exists (
                  select from daily d
                  where d.link_id = l.id and d.client_id = l.client_id and d.link_status = 'resolved'
              )
        ),
        listed as (
            select t.client_id, t.entity_type, t.entity_id, t.link_id, t.link_status, t.member, t.hits, t.visits,
                   t.conversions, l.name, t.place
            from traffic t
            left join stats.links l on l.id = t.link_id and l.client_id = t.client_id
            union all
            -- Links without traffic have the room that is left.
            select i.client_id, i.entity_type, i.entity_id, i.link_id, 'resolved', null, 0, 0, 0, i.name, shown.traffic + i.place
            from idle i
            cross join (select count(*) as traffic from traffic) shown
            where shown.traffic + i.place <= least(greatest(coalesce(p_top, 200), 1), 1000)
        )
        select jsonb_build_object(
            'links', coalesce(jsonb_agg(jsonb_build_object(
                'client_id', i.client_id, 'link_id', i.link_id, 'link_name', i.name, 'link_status', i.link_status,
                'is_unknown', i.link_status = 'unknown',
                'is_folded', i.link_status = 'unresolved' and i.link_id is not distinct from stats.folded_id(),
                'entity_type', i.entity_type, 'entity_id', i.entity_id,
                'hits', i.hits, 'visits', i.visits, 'conversions', i.conversions,
                'cvr', stats.share(i.conversions, i.visits),
                'daily', (
                    select coalesce(jsonb_agg(jsonb_build_object(
                        'date', c.day,
                        'visits', case when c.computed then coalesce(d.measured -> c.day::text -> 0, '0') end,
                        'conversions', case when c.computed then coalesce(d.measured -> c.day::text -> 1, '0') end
                    ) order by c.day), '[]')
                    from calendar_day c
                )
            ) order by i.place), '[]'),
            'links_rest', stats.screen_rest(
                (select coalesce(max(t.members), 0) from traffic t) + (select count(*) from idle) - count(*),
                -- Without any traffic there are none, which is 0.
                (select coalesce(max(t.all_hits), 0) from traffic t) - sum(i.hits),
                (select coalesce(max(t.all_conversions), 0) from traffic t) - sum(i.conversions)),
            'totals', stats.screen_totals(p_client_id, p_from_date, p_to_date, screen.readable)
                || jsonb_build_object('complete', screen.complete),
            'from', p_from_date, 'to', p_to_date,
            'as_of', screen.as_of,
            'complete', screen.complete,
            'closed', screen.closed
        )
        from listed i
        left join daily d on d.member = i.member
    );
end
$$;
comment on function public.get_link_stats(uuid, date, date, integer) is
    'eventflow_pipeline: links of the client, also without traffic, and what arrived by unresolved links or none, each with hits, visits, conversions, cvr over inclusive local dates and its days: the p_top (1 to 1000, default 200) with the most conversions, then hits, what is left as one row (links_rest), and the totals. Raises 42501, ST002, ST005, ST008, ST009. [readers]';

create or replace function public.get_link_stats(p_client_id uuid, p_from_date date, p_to_date date) returns jsonb
language sql stable set search_path = pg_catalog, pg_temp
set timezone = 'UTC' set datestyle = 'ISO, YMD'
as $$ select public.get_link_stats(p_client_id, p_from_date, p_to_date, null) $$;
comment on function public.get_link_stats(uuid, date, date) is
    'eventflow_pipeline: get_link_stats with the 200 members of each list that have the most conversions, then hits. [readers]';

create or replace function stats.screen_totals(p_client_id uuid, p_from_date date, p_to_date date, p_readable uuid[]) returns jsonb
language sql stable set search_path = pg_catalog, pg_temp
as $$
    select jsonb_build_object(
        'from', p_from_date, 'to', p_to_date,
        'complete', (select coalesce(s.complete, false) from stats.range_state(p_from_date, p_to_date, p_client_id) s),
        'hits', coalesce(sum(t.hits), 0), 'visits', coalesce(sum(t.visits), 0),
        'sessionless_hits', coalesce(sum(t.sessionless_hits), 0), 'conversions', coalesce(sum(t.conversions), 0),
        'cvr', stats.share(sum(t.conversions), sum(t.visits))
    )
    from stats.range_rows(case when p_client_id is null then 'platform' else 'client' end,
                          p_from_date, p_to_date, p_client_id, p_readable) t
$$;
comment on function stats.screen_totals(uuid, date, date, uuid[]) is
    'Measures of a client (or the platform) over a range as one object, and whether the range is complete. For functions that have checked the caller.';

create or replace function public.get_client_overview(
    p_client_id uuid, p_from_date date, p_to_date date, p_top integer
) returns jsonb
language plpgsql stable security definer set search_path = pg_catalog, pg_temp
set timezone = 'UTC' set datestyle = 'ISO, YMD'
as $$
declare
    screen record;
begin
    select * into screen from stats.screen_range(p_client_id, p_from_date, p_to_date);
    p_from_date := screen.first_day;
    p_to_date := screen.last_day;
    return (
        with entity as materialized (
            select r.*, coalesce(c.title, w.title) as title
            from stats.top_rows('campaign', p_from_date, p_to_date, p_client_id, screen.readable, p_top, true) r
            -- An entry keeps the client it was stored with (E2), though its campaign may be another's: whose title nobody is told.
            left join stats.campaigns c
                on r.entity_type = 'campaign' and c.id = r.entity_id and c.client_id is not distinct from r.client_id
            left join stats.webinars w
                on r.entity_type = 'webinar' and w.id = r.entity_id and w.client_id is not distinct from r.client_id
        ),
        entity_list as (
            -- Facts without any entity (E1) are listed with the campaigns, their entity_id NULL: nothing is hidden.
            select e.entity_type = 'webinar' as is_webinar, jsonb_agg(jsonb_build_object(
                'client_id', e.client_id, 'entity_id', e.entity_id, 'title', e.title, 'is_unknown', e.entity_type = 'unknown',
                'is_folded', e.entity_id is not distinct from stats.folded_id(),
                'hits', e.hits, 'visits', e.visits,
                'conversions', e.conversions, 'cvr', stats.share(e.conversions, e.visits)
            ) order by e.place) as items, stats.screen_rest(
                max(e.members) - count(*), max(e.all_hits) - sum(e.hits), max(e.all_conversions) - sum(e.conversions)) as rest
            from entity e
            group by is_webinar
        ),
        day as (
            select b.bucket_date, sum(b.hits) as hits, sum(b.visits) as visits, sum(b.conversions) as conversions
            from stats.bucket_daily b
            where b.grain = case when p_client_id is null then 'platform' else 'client' end
              and b.bucket_date between p_from_date and p_to_date
              and (p_client_id is null or b.client_id = p_client_id)
            group by b.bucket_date
        )
        select jsonb_build_object(
            'totals', stats.screen_totals(p_client_id, p_from_date, p_to_date, screen.readable)
                || jsonb_build_object('complete', screen.complete),
            'previous_period', stats.screen_totals(
                p_client_id, p_from_date - (p_to_date - p_from_date + 1), p_from_date - 1, screen.readable),
            'campaigns', coalesce((select l.items from entity_list l where not l.is_webinar), '[]'),
            'campaigns_rest', (select l.rest from entity_list l where not l.is_webinar),
            'webinars', coalesce((select l.items from entity_list l where l.is_webinar), '[]'),
            'webinars_rest', (select l.rest from entity_list l where l.is_webinar),
            'links', (
                select jsonb_build_object('total', count(*), 'active', count(*) filter (where l.status = 'active'))
                from stats.links l
                where (p_client_id is null or l.client_id = p_client_id)
                  and (screen.readable is null or l.client_id = any (screen.readable))
            ),
            'series', (
                select coalesce(jsonb_agg(jsonb_build_object(
                    'date', c.day, 'hits', case when c.computed then coalesce(d.hits, 0) end,
                    'visits', case when c.computed then coalesce(d.visits, 0) end,
                    'conversions', case when c.computed then coalesce(d.conversions, 0) end,
                    'cvr', stats.share(d.conversions, d.visits)
                ) order by c.day), '[]')
                from stats.screen_days(p_from_date, p_to_date) c
                left join day d on d.bucket_date = c.day
            ),
            'from', p_from_date, 'to', p_to_date,
            'as_of', screen.as_of,
            'complete', screen.complete,
            'closed', screen.closed
        )
    );
end
$$;
comment on function public.get_client_overview(uuid, date, date, integer) is
    'eventflow_pipeline: totals of a client over inclusive local dates and over the equally long period before, its campaigns and webinars (of each the p_top, 1 to 1000, default 200, with the most conversions, then hits, and what is left as one row), number of links, and its days. p_client_id NULL: the platform, for those who see all. Raises 42501, ST002, ST005, ST008, ST009. [readers]';

create or replace function public.get_client_overview(p_client_id uuid, p_from_date date, p_to_date date) returns jsonb
language sql stable set search_path = pg_catalog, pg_temp
set timezone = 'UTC' set datestyle = 'ISO, YMD'
as $$ select public.get_client_overview(p_client_id, p_from_date, p_to_date, null) $$;
comment on function public.get_client_overview(uuid, date, date) is
    'eventflow_pipeline: get_client_overview with the 200 members of each list that have the most conversions, then hits. [readers]';

create or replace function public.get_campaign_visits_raw(
    p_campaign_id uuid, p_from_date date, p_to_date date,
    p_after_accessed_at timestamptz default null, p_after_id uuid default null, p_limit integer default 100
) returns jsonb
language plpgsql stable security definer set search_path = pg_catalog, pg_temp set plan_cache_mode = force_custom_plan
set timezone = 'UTC' set datestyle = 'ISO, YMD'
as $$
declare
    owner uuid := (select c.client_id from stats.campaigns c where c.id = p_campaign_id);
    readable uuid[] := stats.readable_clients(owner);
    page_size integer := least(greatest(coalesce(p_limit, 100), 1), 1000);
    bounds record;
begin
    if owner is null and readable is not null then
        raise exception using errcode = '42501', message = 'you may not see this campaign',
            hint = 'Ask for a campaign of a client you are a member of.';
    end if;
    perform stats.require_dates(p_from_date, p_to_date);
    select greatest(p_from_date, c.first_partition) as first_day, least(p_to_date, stats.today()) as last_day,
           min(s.window_start) as window_start, max(s.window_end) as window_end
    into bounds
    from stats.build_settings c
    left join stats.partition_state s on s.bucket_date between p_from_date and least(p_to_date, stats.today())
    group by c.first_partition;
    if bounds.first_day > bounds.last_day then
        bounds.first_day := null;
        bounds.last_day := null;
    end if;
    return (
        with page as (
            select v.id, v.accessed_at, v.session_id, v.utm_source, v.utm_medium, v.utm_campaign, v.link_id,
                   -- What looks personal is shown here no more than where it is counted (A5).
                   case when lower(v.cid) ~ stats.personal_pattern() then '(redacted)' else v.cid end as cid,
                   case when v.referrer_host ~ stats.personal_pattern() then '(redacted)' else v.referrer_host end as referrer_host,
                   v.entry_id is not null as converted
            from stats.visit_facts v
            where v.campaign_id = p_campaign_id
              and v.accessed_at >= bounds.window_start and v.accessed_at < bounds.window_end
              and (p_after_accessed_at is null
                   or (v.accessed_at, v.id) > (p_after_accessed_at, coalesce(p_after_id, '00000000-0000-0000-0000-000000000000')))
            order by v.accessed_at, v.id
            limit page_size + 1
        ),
        numbered as (
            select p.*, row_number() over (order by p.accessed_at, p.id) as n from page p
        )
        select jsonb_build_object(
            'visits', coalesce(jsonb_agg(jsonb_build_object(
                'id', n.id, 'accessed_at', n.accessed_at,
                -- Enough to see which hits belong together, not to find the visitor, here or in another campaign.
                'session', left(encode(sha256(convert_to(p_campaign_id::text || n.session_id, 'UTF8')), 'hex'), 12),
                'utm_source', n.utm_source, 'utm_medium', n.utm_medium, 'utm_campaign', n.utm_campaign,
                'cid', n.cid, 'link_id', n.link_id, 'referrer_host', n.referrer_host, 'converted', n.converted
            ) order by n.n) filter (where n.n <= page_size), '[]'),
            'next', (
                select jsonb_build_object('after_accessed_at', l.accessed_at, 'after_id', l.id)
                from numbered l
                where l.n = page_size and exists (select from numbered m where m.n > page_size)
            ),
            'from', bounds.first_day, 'to', bounds.last_day
        )
        from numbered n
    );
end
$$;
comment on function public.get_campaign_visits_raw(uuid, date, date, timestamptz, uuid, integer) is
    'eventflow_pipeline: the drill-down, the one read of facts: visit hits of a campaign on computed local days, oldest first, at most p_limit (1 to 1000), without personal data; pass next.after_* for the following page. Raises 42501, ST002, ST005, ST008, ST009. [readers]';

do $$
declare
    checked text;
begin
    foreach checked in array array[
        'stats.screen_range(uuid, date, date)', 'stats.screen_days(date, date)', 'stats.share(numeric, numeric)',
        'stats.screen_totals(uuid, date, date, uuid[])', 'stats.folded_id()',
        'stats.top_rows(text, date, date, uuid, uuid[], integer, boolean)', 'stats.screen_rest(bigint, numeric, numeric)',
        'public.get_marketing_summary(uuid, date, date)', 'public.get_link_stats(uuid, date, date)',
        'public.get_client_overview(uuid, date, date)',
        'public.get_marketing_summary(uuid, date, date, integer)', 'public.get_link_stats(uuid, date, date, integer)',
        'public.get_client_overview(uuid, date, date, integer)',
        'public.get_campaign_visits_raw(uuid, date, date, timestamptz, uuid, integer)'
    ] loop
        execute format('revoke execute on function %s from public', checked);
    end loop;
end
$$;
