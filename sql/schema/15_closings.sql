-- Closed months: the text whose hash each entry of the chain has (docs/closing.md).
set local search_path = pg_catalog, pg_temp;

create or replace function stats.closing_text(p_entry jsonb) returns text
language sql stable set search_path = pg_catalog, pg_temp
as $$
    select array_to_string(
        array[
            e.previous_hash,
            array_to_string(array[
                'entry', e.entry_no::text, e.kind, e.client_id::text, to_char(e.month, 'YYYY-MM-DD'),
                to_char(e.last_day, 'YYYY-MM-DD'), e.version::text, e.time_zone, e.definition_version::text,
                to_char(e.as_of at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'), e.complete::text,
                e.reason, e.author,
                to_char(e.recorded_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"')
            ], E'\t', '')
        ]
        || array(
            select e'exception\t' || x.content from unnest(e.exceptions) with ordinality as x (content, n) order by x.n
        )
        || array(
            select e'quality\t' || x.content from unnest(e.quality) with ordinality as x (content, n) order by x.n
        )
        || array(
            select line.content
            from (
                select array_to_string(array[
                    'figure', f.grain, f.entity_type, f.entity_id::text, f.link_id::text, f.link_status,
                    f.hits::text, f.visits::text, f.sessionless_hits::text, f.conversions::text
                ], E'\t', '') as content
                from stats.closing_figure f
                where f.entry_no = e.entry_no
            ) line
            order by line.content collate "C"
        )
        || array(
            select array_to_string(array[
                'day', to_char(d.bucket_date, 'YYYY-MM-DD'), d.day_fingerprint, d.client_fingerprint,
                array_to_string(d.causes, ' ')
            ], E'\t', '')
            from stats.closing_day d
            where d.entry_no = e.entry_no
            order by d.bucket_date
        ),
        E'\n'
    )
    from jsonb_populate_record(null::stats.closing, p_entry) as e
$$;
comment on function stats.closing_text(jsonb) is
    'The text of an entry of the chain of closed months (a row of stats.closing as JSON): the hash before, the entry, its exceptions, figures and days, a line each. Its SHA-256 in UTF-8 is the entry''s hash (docs/closing.md).';
revoke execute on function stats.closing_text(jsonb) from public;
grant execute on function stats.closing_text(jsonb) to eventflow_pipeline;
-- Days that are missing count nothing in a month that is closed nevertheless; whoever closes says so.
grant execute on function stats.range_rows(text, date, date, uuid, uuid[]), stats.range_query(text, date, date, uuid) to eventflow_pipeline;
