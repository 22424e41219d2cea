-- Data quality as screens read it (Q1-Q7).
set local search_path = pg_catalog, pg_temp;

select stats.set_aside('public.get_data_quality(uuid, date, date)');

create or replace function stats.linkage_inputs(p_from date, p_to date) returns table (bucket_date date, input text)
language sql stable set search_path = pg_catalog, pg_temp
as $$
    select r.day, format('%s %s %s', r.linkage_days_before, r.linkage_minutes_after, r.hashes)
    from (
        select d.day::date as day, c.linkage_days_before, c.linkage_minutes_after,
               coalesce(sum(hashtextextended(
                   concat_ws(' ', s.bucket_date, s.fingerprint, s.attribution_fingerprint), 0
               )) filter (where s.bucket_date is not null) over (
                   order by d.day
                   rows between (select b.linkage_days_before + 1 from stats.build_settings b) preceding and 1 following
               ), 0) as hashes
        from stats.build_settings c
        -- Whatever is asked for, no more days than there are partitions.
        cross join generate_series(
            least(greatest(p_from, c.first_partition), current_date + 1) - (c.linkage_days_before + 1),
            least(greatest(p_to, c.first_partition), current_date + 1) + 1, interval '1 day'
        ) as d (day)
        left join stats.partition_state s on s.bucket_date = d.day::date
    ) r
    where r.day between p_from and p_to
$$;
comment on function stats.linkage_inputs(date, date) is
    'What linkage (Q2) of each day from p_from to p_to depends on, as far as computed days tell: its look-back, and the sum of hashes of what the days within it were computed from. stats.quality_daily.linkage_input begins with it where linkage was measured from just that; behind the slash stands how many entries of the day visits name.';

create or replace function public.get_data_quality(p_client_id uuid, p_from_date date, p_to_date date) returns jsonb
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
        with measured as (
            select q.*, q.derived_from is distinct from s.day_fingerprint
                   or split_part(q.linkage_input, '/', 1) is distinct from i.input as is_stale
            from stats.quality_daily q
            left join stats.partition_state s on s.bucket_date = q.bucket_date
            left join stats.linkage_inputs(p_from_date, p_to_date) i on i.bucket_date = q.bucket_date
            where q.bucket_date between p_from_date and p_to_date
              and case when p_client_id is null then q.scope = 'platform'
                       else q.scope = 'client' and q.client_id = p_client_id end
        )
        select jsonb_build_object(
            'days', coalesce(jsonb_agg(jsonb_build_object(
                'date', days.day::date,
                'measured_at', q.measured_at, 'stale', q.is_stale,
                'visits', q.visits, 'hits', q.hits, 'entries', q.entries,
                'linked_entries', q.linked_entries, 'linkage', stats.share(q.linked_entries, q.entries),
                'utm_fill', jsonb_build_object(
                    'captured_hits', stats.share(q.captured_utm_hits, q.hits),
                    'captured_entries', stats.share(q.captured_utm_entries, q.entries),
                    'attributed_hits', stats.share(q.utm_hits, q.hits),
                    'attributed_entries', stats.share(q.utm_entries, q.entries)),
                'link_status', jsonb_build_object(
                    'resolved_hits', stats.share(q.resolved_link_hits, q.hits),
                    'unresolved_hits', stats.share(q.unresolved_link_hits, q.hits),
                    'unknown_hits', stats.share(q.unknown_link_hits, q.hits),
                    'resolved_entries', stats.share(q.resolved_link_entries, q.entries),
                    'unresolved_entries', stats.share(q.unresolved_link_entries, q.entries),
                    'unknown_entries', stats.share(q.unknown_link_entries, q.entries)),
                'unknown', jsonb_build_object(
                    'client_hits', stats.share(q.unknown_client_hits, q.hits),
                    'client_entries', stats.share(q.unknown_client_entries, q.entries),
                    'entity_hits', stats.share(q.unknown_entity_hits, q.hits),
                    'entity_entries', stats.share(q.unknown_entity_entries, q.entries),
                    'utm_hits', stats.share(q.hits - q.utm_hits, q.hits),
                    'utm_entries', stats.share(q.entries - q.utm_entries, q.entries)),
                'sessionless', jsonb_build_object(
                    'hits', stats.share(q.sessionless_hits, q.hits),
                    'entries', stats.share(q.sessionless_entries, q.entries)),
                'malformed_cid', jsonb_build_object(
                    'hits', stats.share(q.malformed_cid_hits, q.supplied_cid_hits),
                    'entries', stats.share(q.malformed_cid_entries, q.supplied_cid_entries)),
                'visits_per_entry', stats.share(q.visits, q.entries),
                'foreign_entries', q.foreign_entries,
                'suspected_clones', q.suspected_clones, 'busiest_sessions', q.busiest_sessions,
                'excluded_hits', q.excluded_hits, 'excluded_entries', q.excluded_entries,
                'out_of_range_hits', q.out_of_range_hits, 'out_of_range_entries', q.out_of_range_entries
            ) order by days.day), '[]'),
            'from', p_from_date, 'to', p_to_date,
            'as_of', screen.as_of,
            -- Measured as the day is now, also where the client has no facts; days still to come are not missing.
            'complete', screen.complete and (
                select count(*)
                from stats.quality_daily m
                join stats.partition_state s on s.bucket_date = m.bucket_date and s.day_fingerprint = m.derived_from
                join stats.linkage_inputs(p_from_date, p_to_date) i
                    on i.bucket_date = m.bucket_date and i.input = split_part(m.linkage_input, '/', 1)
                where m.scope = 'platform' and m.bucket_date between p_from_date and p_to_date
            ) >= coalesce(p_to_date - p_from_date + 1, 0)
        )
        from generate_series(p_from_date, p_to_date, interval '1 day') as days (day)
        left join measured q on q.bucket_date = days.day::date
    );
end
$$;
comment on function public.get_data_quality(uuid, date, date) is
    'eventflow_pipeline: data-quality indicators (Q1-Q7) of a client by inclusive local day, counts and rates (NULL without a denominator; a day without the client''s facts, or not measured, has NULL). stale: of other facts than the day''s buckets are, or linkage of other facts of other days; complete: no day is. p_client_id NULL: all clients, for those who see all. Raises 42501, ST002, ST005, ST008, ST009. [readers]';
revoke execute on function public.get_data_quality(uuid, date, date), stats.linkage_inputs(date, date) from public;
grant execute on function stats.linkage_inputs(date, date) to eventflow_pipeline;
