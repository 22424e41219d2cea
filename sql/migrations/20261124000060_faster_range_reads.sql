-- Reads of ranges in less time (M5, M6); the answers are the same.
--   Two keys that have three values each are stored as enums: a read hashes and compares the keys of thousands of rows.
--   What is computed stays text; an assignment cast turns it where buckets are stored. Values are in alphabetical order,
--   so that sorting by the enum and by its text give one order.
--   A range is grouped by the grain's own keys and read from the grain's own partitions, where it was grouped by all
--   eight key columns, most of them NULL.
set local search_path = pg_catalog, pg_temp;

do $$
begin
    if to_regtype('stats.entity_type') is null then
        create type stats.entity_type as enum ('campaign', 'unknown', 'webinar');
        create cast (text as stats.entity_type) with inout as assignment;
    end if;
    if to_regtype('stats.link_status') is null then
        create type stats.link_status as enum ('resolved', 'unknown', 'unresolved');
        create cast (text as stats.link_status) with inout as assignment;
    end if;
end
$$;
comment on type stats.entity_type is 'What a fact belongs to (E1): a campaign, a webinar, or neither (unknown).';
comment on type stats.link_status is 'What became of a fact''s link (A2).';

-- Rewrites both tables; what is stored stays as it is.
alter table stats.bucket_daily
    alter column entity_type type stats.entity_type using entity_type::stats.entity_type,
    alter column link_status type stats.link_status using link_status::stats.link_status;
alter table stats.return_histogram
    alter column entity_type type stats.entity_type using entity_type::stats.entity_type,
    alter column link_status type stats.link_status using link_status::stats.link_status;

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
        where $1 < $2 and h.bucket_date between $1 and $2 and h.previous_date >= $1 and %4$s
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
    if p_from < p_to and exists (
        select from stats.partition_state s where s.histogram_pending and s.bucket_date between p_from and p_to
    ) then
        -- A day of the range was replaced and its histograms are not settled yet: count sessions in session-days.
        counted := format(from_session_days, keys_first, visible, keys);
    else
        counted := format(from_buckets, keys_first, p_grain || '_daily', p_grain || '_returns', visible);
    end if;
    return format(answer, keys_or_null, counted, keys);
end
$$;
comment on function stats.range_query(text, date, date, uuid) is
    'The statement that gives the rows of range_summary; its parameters are p_from, p_to, p_client_id and the clients the caller may read (uuid[], NULL: all). NULL for a grain that does not exist.';

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
            cross join generate_series(p_from, p_to, interval '1 day') as days (day)
        ) s
        group by 1, 2, 3, 4, 5, 6, 7, 8, 9
        order by 2, 3, 4, 5, 6, 7, 8, 9, 1;
end
$$;

revoke execute on function stats.range_query(text, date, date, uuid), stats.total(bigint) from public;
