-- Reading ranges at any published grain, exactly and from aggregates alone (M5, M6). A range is grouped by the grain's own
-- keys and read from the grain's own partitions.
set local search_path = pg_catalog, pg_temp;

-- sum() of bigint adds up in a wider type and ends as numeric.
create or replace aggregate stats.total(bigint) (sfunc = int8pl, stype = bigint, combinefunc = int8pl, parallel = safe);
comment on aggregate stats.total(bigint) is 'Sum of bigint as bigint; NULL values count nothing; an error beyond 64 bits.';

create or replace function stats.range_query(p_grain text, p_from date, p_to date, p_client_id uuid) returns text
language plpgsql stable set search_path = pg_catalog, pg_temp
as $$
declare
    -- Names come from stats.grain alone, whose columns add_grain has checked; values go in as parameters. A client that
    -- was asked for is no key: there is one.
    keys text;
    keys_first text;
    keys_or_null text;
    answer constant text := $sql$
        select %1$s, coalesce(stats.total(r.hits), 0), stats.total(r.visits),
               coalesce(stats.total(r.sessionless_hits), 0), coalesce(stats.total(r.conversions), 0),
               stats.total(r.conversions)::numeric / nullif(stats.total(r.visits), 0)
        from (%2$s) r
        group by %3$s
    $sql$;
    -- Sessions seen before within the range have been counted on that earlier day already.
    from_buckets constant text := $sql$
        select %1$s b.hits, b.visits, b.sessionless_hits, b.conversions
        from stats.%2$I b
        where b.bucket_date between $1 and $2 and %4$s
        union all
        select %1$s null, -h.sessions, null, null
        from stats.%3$I h
        -- Its index begins with the grain, which every row of the partition has.
        where $1 < $2 and h.grain = %5$L and h.bucket_date between $1 and $2 and h.previous_date >= $1 and %4$s
    $sql$;
    -- Over months, returns between whole months are read by month; those of the days before the first whole month began
    -- (previous_date) or after the last one ended (bucket_date) by day. Of the days before it, returns are looked for up to
    -- the last month that has any.
    from_months constant text := $sql$
        select %1$s b.hits, b.visits, b.sessionless_hits, b.conversions
        from stats.%2$I b
        where b.bucket_date between $1 and $2 and %4$s
        union all
        select %1$s null, -m.sessions, null, null
        from stats.return_month m
        where m.grain = %5$L and m.month between %6$L and %7$L::date - 1 and m.previous_month >= %6$L and %4$s
        union all
        select %1$s null, -h.sessions, null, null
        from stats.%3$I h
        where h.grain = %5$L and h.bucket_date between %7$L and $2 and h.previous_date >= $1 and %4$s
        union all
        select %1$s null, -h.sessions, null, null
        from stats.%3$I h
        where h.grain = %5$L and h.previous_date >= $1 and h.previous_date < %6$L
          and h.bucket_date between $1 and %7$L::date - 1
          and h.bucket_date < (
              select max(m.month) + interval '1 month'
              from stats.return_month m
              where m.grain = %5$L and m.previous_month = date_trunc('month', $1::timestamp)::date
                and m.month between date_trunc('month', $1::timestamp)::date and %7$L::date - 1 and %4$s
          ) and %4$s
    $sql$;
    from_session_days constant text := $sql$
        select %1$s stats.total(s.hits) as hits, count(s.session_id) as visits,
               stats.total(s.hits) filter (where s.session_id is null) as sessionless_hits,
               stats.total(s.conversions) as conversions
        from (
            select %1$s s.session_id, sum(s.hits) as hits, sum(s.conversions) as conversions
            from stats.session_days s
            where s.bucket_date between $1 and $2 and %2$s
            group by %1$s s.session_id
        ) s
        group by %3$s
    $sql$;
    visible constant text := case when p_client_id is null then '($4 is null or client_id = any ($4))'
                                  else 'client_id = $3 and ($4 is null or $3 = any ($4))' end;
    counted text;
begin
    -- No key at all: grouping by a parameter, not by nothing, gives no row where nothing was counted.
    select coalesce(k.list, '$1'), coalesce(k.list || ', ', ''),
           case when not g.by_client then 'null::uuid' when p_client_id is null then 'client_id' else '$3' end
           || case when g.by_entity then ', entity_type::text, entity_id' else ', null::text, null::uuid' end
           || case when g.by_link then ', link_id, link_status::text' else ', null::uuid, null::text' end
           || case when g.by_utm_source then ', utm_source' else ', null::text' end
           || case when g.by_utm_medium then ', utm_medium' else ', null::text' end
           || case when g.by_utm_campaign then ', utm_campaign' else ', null::text' end
    into keys, keys_first, keys_or_null
    from stats.grain g
    cross join nullif(array_to_string(
        case when p_client_id is null then g.key_columns else array_remove(g.key_columns, 'client_id') end, ', '), '') as k (list)
    where g.name = p_grain;
    if not found then
        raise exception using errcode = 'ST001', message = format('There is no grain %s.', coalesce(p_grain, 'NULL'));
    end if;
    if p_from < p_to and exists (
        select from stats.partition_state s where s.histogram_pending and s.bucket_date between p_from and p_to
    ) then
        -- A day of the range was replaced and its histograms are not merged yet: count sessions in session-days.
        counted := format(from_session_days, keys_first, visible, keys);
    elsif p_from between '0001-01-01' and '9999-12-31' and p_to between '0001-01-01' and '9999-12-31'
        and p_to - p_from >= 62
    then
        -- So many days have a whole month among them; fewer are read faster by day alone. Whole months are those from the
        -- first of one until the first of another.
        counted := format(from_months, keys_first, p_grain || '_daily', p_grain || '_returns', visible, p_grain,
                          date_trunc('month', p_from::timestamp + interval '1 month' - interval '1 day')::date,
                          date_trunc('month', p_to::timestamp + interval '1 day')::date);
    else
        counted := format(from_buckets, keys_first, p_grain || '_daily', p_grain || '_returns', visible, p_grain);
    end if;
    return format(answer, keys_or_null, counted, keys);
end
$$;
comment on function stats.range_query(text, date, date, uuid) is
    'The statement that gives the rows of range_summary; its parameters are p_from, p_to, p_client_id and the clients the caller may read (uuid[], NULL: all). Raises ST001 for a grain that does not exist.';

create or replace function stats.range_rows(
    p_grain text, p_from date, p_to date, p_client_id uuid, p_readable uuid[]
)
returns table (
    client_id uuid, entity_type text, entity_id uuid, link_id uuid, link_status text,
    utm_source text, utm_medium text, utm_campaign text,
    hits bigint, visits bigint, sessionless_hits bigint, conversions bigint, cvr numeric
)
language plpgsql stable set search_path = pg_catalog, pg_temp
as $$
begin
    return query execute stats.range_query(p_grain, p_from, p_to, p_client_id) using p_from, p_to, p_client_id, p_readable;
end
$$;
comment on function stats.range_rows(text, date, date, uuid, uuid[]) is
    'What range_summary returns, without any check: days not computed count nothing, and p_readable (NULL: all) is believed. For functions that have checked.';

create or replace function stats.today() returns date
language sql stable security definer set search_path = pg_catalog, pg_temp
as $$ select (now() at time zone c.time_zone)::date from stats.build_settings c $$;
comment on function stats.today() is 'The current business day (T1).';

create or replace function stats.require_bounds(p_from date, p_to date) returns void
language plpgsql stable set search_path = pg_catalog, pg_temp
as $$
begin
    if p_from is null or p_to is null or p_from > p_to or not isfinite(p_from) or not isfinite(p_to) then
        raise exception using errcode = 'ST002',
            message = format('the range %s..%s is reversed or has no end', p_from, p_to),
            hint = 'Give two inclusive local dates, the earlier one first.';
    end if;
    if p_from < '0001-01-01' or p_to > '9999-12-31' then
        raise exception using errcode = 'ST009',
            message = format('the range %s..%s leaves the calendar', p_from, p_to),
            hint = 'Give dates of the years 1 to 9999.';
    end if;
    -- As many days as anybody reports on; what is asked costs work and memory by the day.
    if p_to - p_from >= 3660 then
        raise exception using errcode = 'ST008',
            message = format('the range %s..%s is longer than 3,660 days', p_from, p_to),
            hint = 'Ask for at most 3,660 days at once.';
    end if;
end
$$;
comment on function stats.require_bounds(date, date) is
    'Raises ST002 (reversed range, or without an end), ST009 (a date outside the years 1 to 9999) or ST008 (more than 3,660 days); otherwise returns. Before anything is counted or listed by the day.';

create or replace function stats.require_dates(p_from date, p_to date) returns void
language plpgsql stable security definer set search_path = pg_catalog, pg_temp
as $$
declare
    longest integer;
begin
    perform stats.require_bounds(p_from, p_to);
    select c.longest_range_days into longest from stats.build_settings c;
    if p_to - p_from >= longest then
        raise exception using errcode = 'ST005',
            message = format('the range %s..%s is longer than the %s days pruned session-days allow', p_from, p_to, longest),
            hint = format('Ask for at most %s days at once.', longest);
    end if;
    perform from stats.caller_share() s where p_from < s.first_day or p_to > s.last_day;
    if found then
        raise exception using errcode = '42501', message = 'the shared link is of other days',
            hint = 'Ask for days of the range it was made for.';
    end if;
end
$$;
comment on function stats.require_dates(date, date) is
    'Raises ST002, ST008, ST009 (see require_bounds), ST005 (longer than pruned session-days allow, M6) or 42501 (days that a shared link does not show); otherwise returns.';

create or replace function stats.require_range(p_grain text, p_from date, p_to date) returns void
language plpgsql stable security definer set search_path = pg_catalog, pg_temp
as $$
declare
    first_partition date := (select c.first_partition from stats.build_settings c);
    today date := stats.today();
    missing date;
begin
    if not exists (select from stats.grain g where g.name = p_grain) or p_grain is null then
        raise exception using errcode = 'ST001',
            message = format('there is no grain %L', left(p_grain, 100)),
            hint = (select 'Use one of ' || string_agg(g.name, ', ' order by g.position) || '.' from stats.grain g);
    end if;
    perform stats.require_dates(p_from, p_to);
    if first_partition is null or p_from < first_partition then
        raise exception using errcode = 'ST003',
            message = format('the range %s..%s begins before the first partition %s', p_from, p_to, first_partition),
            hint = 'Ask from the first partition on, or rebuild with an earlier EVENTFLOW_START_DATE.';
    end if;
    -- Counting is what every reader waits for; which day is missing is looked for only where one is.
    if (select count(*) from stats.partition_state s
        where s.bucket_date between p_from and p_to and p_grain = any (s.grains)) <= p_to - p_from
    then
        -- The first day, or the first after a computed one, that is not computed itself.
        select min(d.day) into missing
        from (
            select p_from as day
            union all
            select s.bucket_date + 1
            from stats.partition_state s
            where s.bucket_date between p_from and p_to - 1 and p_grain = any (s.grains)
        ) d
        where not exists (
            select from stats.partition_state n where n.bucket_date = d.day and p_grain = any (n.grains)
        );
        raise exception using errcode = 'ST004',
            message = format('the day %s is not computed for the grain %s', missing, p_grain),
            hint = case
                when missing > today then format('It has not come yet: end the range at %s.', today)
                when p_to > today then format(
                    'Materialize what there is, eventflow backfill --from %s --to %s, and end the range at %s.',
                    missing, today, today)
                else format('Materialize it: eventflow backfill --from %s --to %s', missing, p_to)
            end;
    end if;
end
$$;
comment on function stats.require_range(text, date, date) is
    'Raises ST001 (unknown grain), ST002, ST008, ST009, ST005 (see require_dates), ST003 (before the first partition) or ST004 (a day not computed for the grain, such as one that has not come yet); otherwise returns.';

create or replace function stats.require_grain_reader(p_grain text, p_client_id uuid, p_readable uuid[]) returns void
language plpgsql stable set search_path = pg_catalog, pg_temp
as $$
begin
    if not exists (select from stats.grain g where g.name = p_grain and not g.by_client) then
        return;
    end if;
    if p_readable is not null then
        raise exception using errcode = '42501',
            message = format('you may not see the grain %s, which has no client', p_grain),
            hint = 'Ask for the grain client, or as a super administrator.';
    end if;
    if p_client_id is not null then
        raise exception using errcode = 'ST006',
            message = format('the grain %s has no client to ask for', p_grain),
            hint = 'Leave out p_client_id, or ask for the grain client.';
    end if;
end
$$;
comment on function stats.require_grain_reader(text, uuid, uuid[]) is
    'For a grain without client: raises 42501 for a caller limited to certain clients, ST006 when a client is asked for.';

create or replace function stats.range_summary(p_grain text, p_from date, p_to date, p_client_id uuid default null)
returns table (
    client_id uuid, entity_type text, entity_id uuid, link_id uuid, link_status text,
    utm_source text, utm_medium text, utm_campaign text,
    hits bigint, visits bigint, sessionless_hits bigint, conversions bigint, cvr numeric
)
language plpgsql stable security definer set search_path = pg_catalog, pg_temp
set timezone = 'UTC' set datestyle = 'ISO, YMD'
as $$
declare
    readable uuid[] := stats.readable_clients(p_client_id);
begin
    perform stats.require_grain_reader(p_grain, p_client_id, readable);
    perform stats.require_range(p_grain, p_from, p_to);
    -- Not through range_rows: rows kept twice are a twentieth of a read.
    return query execute stats.range_query(p_grain, p_from, p_to, p_client_id) using p_from, p_to, p_client_id, readable;
end
$$;
comment on function stats.range_summary(text, date, date, uuid) is
    'One row per member of the grain over the inclusive local dates p_from..p_to (T3): hits (M1), visits = distinct sessions of the whole range (M2, M6), sessionless_hits, conversions (M3), cvr = conversions / visits or NULL (M4). Columns that are no key of the grain are NULL. p_client_id NULL: all the caller may see. Errors: 42501 (not your client), ST001 to ST005, ST008, ST009 (see require_range), ST006 (a client of a grain that has none). [readers]';

create or replace function stats.require_series(p_members bigint, p_from date, p_to date) returns date
language plpgsql stable set search_path = pg_catalog, pg_temp
as $$
begin
    perform stats.require_bounds(p_from, p_to);
    -- Every member has a row a day: what is asked costs work and temporary files by their product.
    if p_members * (p_to - p_from + 1) > 5000000 then
        raise exception using errcode = 'ST011',
            message = format('%s members on each of %s days are more than 5,000,000 rows', p_members, p_to - p_from + 1),
            hint = 'Ask for fewer days at once, for one client, or for the grain''s range_summary.';
    end if;
    return p_to;
end
$$;
comment on function stats.require_series(bigint, date, date) is
    'Raises ST002 (see require_bounds), or ST011 when members with a row on each day of the range are more than 5,000,000 rows; otherwise returns p_to.';

create or replace function stats.daily_series(p_grain text, p_from date, p_to date, p_client_id uuid default null)
returns table (
    bucket_date date, client_id uuid, entity_type text, entity_id uuid, link_id uuid, link_status text,
    utm_source text, utm_medium text, utm_campaign text,
    hits bigint, visits bigint, sessionless_hits bigint, conversions bigint, cvr numeric
)
language plpgsql stable security definer set search_path = pg_catalog, pg_temp set plan_cache_mode = force_custom_plan
set timezone = 'UTC' set datestyle = 'ISO, YMD'
as $$
#variable_conflict use_column
declare
    readable uuid[] := stats.readable_clients(p_client_id);
begin
    perform stats.require_grain_reader(p_grain, p_client_id, readable);
    perform stats.require_range(p_grain, p_from, p_to);
    return query
        with bucket as materialized (
            select b.*
            from stats.bucket_daily b
            where b.grain = p_grain and b.bucket_date between p_from and p_to
              and (p_client_id is null or b.client_id = p_client_id)
              and (readable is null or b.client_id = any (readable))
        ),
        member as (
            select distinct b.client_id, b.entity_type, b.entity_id, b.link_id, b.link_status,
                   b.utm_source, b.utm_medium, b.utm_campaign
            from bucket b
        )
        select s.bucket_date, s.client_id, s.entity_type::text, s.entity_id, s.link_id, s.link_status::text,
               s.utm_source, s.utm_medium, s.utm_campaign,
               sum(s.hits)::bigint, sum(s.visits)::bigint, sum(s.sessionless_hits)::bigint, sum(s.conversions)::bigint,
               sum(s.conversions) / nullif(sum(s.visits), 0)
        from (
            select b.bucket_date, b.client_id, b.entity_type, b.entity_id, b.link_id, b.link_status,
                   b.utm_source, b.utm_medium, b.utm_campaign, b.hits, b.visits, b.sessionless_hits, b.conversions
            from bucket b
            union all
            select days.day::date, m.client_id, m.entity_type, m.entity_id, m.link_id, m.link_status,
                   m.utm_source, m.utm_medium, m.utm_campaign, 0, 0, 0, 0
            from member m
            cross join generate_series(
                p_from, stats.require_series((select count(*) from member), p_from, p_to), interval '1 day') as days (day)
        ) s
        group by 1, 2, 3, 4, 5, 6, 7, 8, 9
        order by 2, 3, 4, 5, 6, 7, 8, 9, 1;
end
$$;
comment on function stats.daily_series(text, date, date, uuid) is
    'Measures of each business day for every member of the grain seen in the range, days without anything filled with zeros, for plots. visits are of the single day: do not add them up. Arguments and errors as range_summary, and ST011 (more than 5,000,000 rows). [readers]';

create or replace function stats.require_hours(p_client_id uuid) returns void
language plpgsql stable security definer set search_path = pg_catalog, pg_temp
as $$
begin
    if p_client_id is not null and not exists (
        select from stats.build_settings d
        where p_client_id = any (d.hourly_clients)
           or exists (select from stats.campaigns c where c.client_id = p_client_id and c.id = any (d.hourly_campaigns))
           or exists (select from stats.webinars w where w.client_id = p_client_id and w.id = any (d.hourly_campaigns))
    ) then
        raise exception using errcode = 'ST010',
            message = format('no hour buckets are kept for the client %s', p_client_id),
            hint = 'Have it listed: eventflow definitions set hourly_clients.';
    end if;
end
$$;
comment on function stats.require_hours(uuid) is
    'Raises ST010 when neither the client nor a campaign or webinar of it is on the lists of hour buckets (B1); otherwise, and for NULL, returns.';

create or replace function stats.campaign_hours(p_from date, p_to date, p_client_id uuid default null)
returns table (
    bucket_date date, bucket_hour timestamptz, client_id uuid, entity_type text, entity_id uuid,
    hits bigint, visits bigint, sessionless_hits bigint, conversions bigint, cvr numeric
)
language plpgsql stable security definer set search_path = pg_catalog, pg_temp set plan_cache_mode = force_custom_plan
set timezone = 'UTC' set datestyle = 'ISO, YMD'
as $$
#variable_conflict use_column
declare
    readable uuid[] := stats.readable_clients(p_client_id);
begin
    -- The hours of a day are written with its buckets: where one is computed, so are the others.
    perform stats.require_range('campaign', p_from, p_to);
    perform stats.require_hours(p_client_id);
    return query
        select h.bucket_date, h.bucket_hour, h.client_id, h.entity_type, h.entity_id,
               h.hits, h.visits, h.sessionless_hits, h.conversions, h.conversions::numeric / nullif(h.visits, 0)
        from stats.campaign_hourly h
        where h.bucket_date between p_from and p_to
          and (p_client_id is null or h.client_id = p_client_id)
          and (readable is null or h.client_id = any (readable))
        order by h.client_id, h.entity_type, h.entity_id, h.bucket_date, h.bucket_hour;
end
$$;
comment on function stats.campaign_hours(date, date, uuid) is
    'Hour buckets (B1) of the inclusive local dates p_from..p_to: one row per campaign or webinar of a listed client or campaign, business day and UTC hour (T2); hours without anything have no row. visits are of the single hour: do not add them up. p_client_id NULL: all the caller may see. Errors: 42501 (not your client), ST002 to ST005, ST008, ST009 (see require_range), ST010 (none are kept for the client). [readers]';

create or replace function stats.range_state(p_from date, p_to date, p_client_id uuid default null)
returns table (as_of timestamptz, complete boolean, late boolean)
language sql stable security definer set search_path = pg_catalog, pg_temp
as $$
    -- Days still to come are not missing. Days are counted, not listed: whatever the range.
    with bound as (
        select p_from >= c.first_partition as begins_in_time, greatest(p_from, c.first_partition) as first_day,
               least(p_to, stats.today()) as last_day,
               ((now() - interval '2 minutes') at time zone c.time_zone)::date as current_then
        from stats.build_settings c
    ),
    day as (
        select s.computed_at is null or stale.is_so as is_stale,
               -- What a comparison said of an earlier computation it does not say of this one, whose snapshot may be
               -- the older.
               case when not stale.is_so and c.computed_at is not distinct from s.computed_at
                    then greatest(c.compared_at, s.facts_at)
                    -- What is held was published before the day was last computed.
                    when stale.is_so and s.held_since is not null then least(s.facts_at, (
                        select min(p.facts_at) from stats.client_day p
                        where p.bucket_date = s.bucket_date and (p_client_id is null or p.client_id = p_client_id)
                    ))
                    else s.facts_at end as as_of
        from bound b
        join stats.partition_state s on s.bucket_date between b.first_day and b.last_day
        -- What is kept by decision is not what the facts say either.
        left join stats.kept_day k on k.bucket_date = s.bucket_date
        cross join lateral (
            select s.stale_since is not null
               and (p_client_id is null or s.stale_clients is null or coalesce(p_client_id = any (s.stale_clients), false))
               or k.bucket_date is not null
               and (p_client_id is null or k.clients is null or coalesce(p_client_id = any (k.clients), false)) as is_so
        ) stale
        left join stats.day_comparison c on c.bucket_date = s.bucket_date
    )
    select min(d.as_of),
           coalesce(bool_and(not d.is_stale), true) and (
               select b.begins_in_time and count(d.is_stale) = case when b.first_day <= b.last_day
                                                                    then b.last_day - b.first_day + 1 else 0 end
               from bound b
           ),
           (
               -- Of one age the oldest day was compared last; a day that has only just begun cannot be late.
               select coalesce(bool_or(coalesce((
                          select p.started_at from stats.detection_pass p where p.compared_from <= age.oldest
                          order by p.started_at desc limit 1
                      ), '-infinity') < now() - 2 * age.promise), false)
               from bound b
               cross join (
                   select coalesce((select p.recent_from from stats.detection_pass p order by p.started_at desc limit 1),
                                   stats.today()) as first_day
               ) recent
               cross join lateral (values
                   (stats.today(), b.last_day = b.current_then and b.first_day <= b.last_day, interval '1 minute'),
                   (greatest(b.first_day, recent.first_day),
                    least(b.last_day, stats.today() - 1) >= greatest(b.first_day, recent.first_day), interval '5 minutes'),
                   (b.first_day, least(b.last_day, recent.first_day - 1) >= b.first_day, interval '1 day')
               ) as age (oldest, is_asked, promise)
               where age.is_asked
           )
    from day d
$$;
comment on function stats.range_state(date, date, uuid) is
    'Of a client (p_client_id NULL: of everybody, the worst of all). complete: no day of the range up to today is missing, stale, held or kept by decision (stats.kept_day) for it, as of the last time each was compared with its facts. as_of: the earliest time at which one of the range''s computed days was last compared with its facts, by a comparison that would have seen any change, or computed; of a stale day when it, or what is held of it, was computed. NULL: no day of it is computed. late: some day of it was not compared for longer than twice the interval promised for its age: a minute for the current day, five for the look-back days, a day for older ones.';

create or replace function stats.range_closed(p_from date, p_to date, p_client_id uuid) returns boolean
language sql stable set search_path = pg_catalog, pg_temp
as $$
    select p_client_id is not null and bool_and(coalesce(standing.kind = 'closed', false))
    from generate_series(date_trunc('month', p_from::timestamp), p_to::timestamp, interval '1 month') as m (first)
    left join lateral (
        select e.kind
        from stats.closing e
        where e.client_id = p_client_id and e.month = m.first::date and e.kind <> 'adjusted'
        order by e.entry_no desc
        limit 1
    ) standing on true
$$;
comment on function stats.range_closed(date, date, uuid) is
    'Whether every month with a day of the range is closed for the client (docs/closing.md). For functions that have checked caller and range.';

do $$
declare
    checked text;
begin
    foreach checked in array array[
        'total(bigint)', 'range_query(text, date, date, uuid)', 'today()',
        'range_rows(text, date, date, uuid, uuid[])', 'require_bounds(date, date)', 'require_dates(date, date)',
        'require_range(text, date, date)',
        'require_grain_reader(text, uuid, uuid[])', 'range_summary(text, date, date, uuid)',
        'require_series(bigint, date, date)', 'daily_series(text, date, date, uuid)', 'require_hours(uuid)', 'campaign_hours(date, date, uuid)',
        'range_state(date, date, uuid)', 'range_closed(date, date, uuid)'
    ] loop
        execute format('revoke execute on function stats.%s from public', checked);
    end loop;
end
$$;
grant execute on function stats.range_summary(text, date, date, uuid), stats.daily_series(text, date, date, uuid),
    stats.campaign_hours(date, date, uuid), stats.range_state(date, date, uuid) to eventflow_pipeline;
