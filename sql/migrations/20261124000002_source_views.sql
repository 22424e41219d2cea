-- The only way facts and dimensions are read: views over EventFlow's tables that expose the allowed columns,
-- normalized (N1), owned by each table's owner so that row-level security does not hide rows from the pipeline.
-- Late columns a deployment may lack read as NULL; `select stats.refresh_source_views()` picks them up later.
set local search_path = pg_catalog, pg_temp;

-- Parts of N1 for long values. Each has a SET, so that it is called, not inlined: what it is given is worked out once.
create or replace function stats.long_text_in_nfc(value text) returns text
language sql immutable parallel safe set search_path = pg_catalog, pg_temp
return case
    -- Putting marks in order takes the square of their number. No text has more than 30 in a row (Unicode's stream-safe
    -- format); one that has stays in the form it came in. The list: what has a combining class, up to Unicode 16.
    when value collate "C" ~ (
        '[\u0300-\u036F\u0483-\u0487\u0591-\u05C7\u0610-\u061A\u064B-\u065F\u0670\u06D6-\u06E4\u06E7-\u06ED'
        '\u0711\u0730-\u074A\u07EB-\u07F3\u07FD\u0816-\u0819\u081B-\u0823\u0825-\u0827\u0829-\u082D'
        '\u0859-\u085B\u0897-\u089F\u08CA-\u08FF\u093C\u094D\u0951-\u0954\u09BC\u09CD\u09FE\u0A3C-\u0A4D'
        '\u0ABC\u0ACD\u0B3C\u0B4D\u0BCD\u0C3C\u0C4D-\u0C56\u0CBC\u0CCD\u0D3B-\u0D3C\u0D4D\u0DCA\u0E38-\u0E3A'
        '\u0E48-\u0E4B\u0EB8-\u0EBA\u0EC8-\u0ECB\u0F18-\u0F19\u0F35-\u0F39\u0F71-\u0F87\u0FC6\u1037-\u103A'
        '\u108D\u135D-\u135F\u1714-\u1715\u1734\u17D2\u17DD\u18A9\u1939-\u193B\u1A17-\u1A18\u1A60-\u1A7F'
        '\u1AB0-\u1ACE\u1B34-\u1B44\u1B6B-\u1B73\u1BAA-\u1BAB\u1BE6-\u1BF3\u1C37\u1CD0-\u1CE8\u1CED\u1CF4'
        '\u1CF8-\u1CF9\u1DC0-\u1DFF\u20D0-\u20F0\u2CEF-\u2CF1\u2D7F\u2DE0-\u2DFF\u302A-\u302F\u3099-\u309A'
        '\uA66F-\uA67D\uA69E-\uA69F\uA6F0-\uA6F1\uA806\uA82C\uA8C4\uA8E0-\uA8F1\uA92B-\uA92D\uA953'
        '\uA9B3-\uA9C0\uAAB0\uAAB2-\uAAB4\uAAB7-\uAAB8\uAABE-\uAABF\uAAC1\uAAF6\uABED\uFB1E\uFE20-\uFE2F'
        '\U000101FD-\U0001E94A'
        ']{31}') then value
    when value is nfc normalized then value
    else normalize(value, nfc) end;
comment on function stats.long_text_in_nfc(text) is 'N1: the Unicode form NFC of a text of any length, in linear time.';

create or replace function stats.shortened(value text) returns text
language sql immutable parallel safe set search_path = pg_catalog, pg_temp
return case when char_length(value) > 200 then left(value, 160) || E'\u2026' || md5(value) else value end;
comment on function stats.shortened(text) is
    'N1: a normalized text of more than 200 code points as its first 160, an ellipsis and the MD5 of all of it (UTF-8).';

create or replace function stats.too_long_to_match(cid text) returns text
language sql immutable parallel safe set search_path = pg_catalog, pg_temp
return case when char_length(cid) > 200 then '(too long)' else cid end;
comment on function stats.too_long_to_match(text) is
    'N1: a normalized cid; one of more than 200 characters reads (too long), which is supplied and, in lower case, no link''s.';

-- N1 in the one place that says it. The two mappings of case are Unicode's, full and of the root locale, the same on every
-- server that has one of the two collations. What is written out twice below is what makes them cheap: ASCII, and text in
-- its one Unicode form already, are told apart without normalizing, and all but long values are inlined into the query.
do $$
declare
    unicode_collation text;
    blanks text;
begin
    if current_setting('server_encoding') <> 'UTF8' then
        raise exception using errcode = '0A000', message = 'the database is not in UTF8, so Unicode text cannot be normalized',
            hint = 'Create it with encoding UTF8.';
    end if;
    select format('pg_catalog.%I', c.collname) into unicode_collation
    from pg_collation c
    join (values ('pg_unicode_fast', 1), ('und-x-icu', 2)) as preference (collname, position) using (collname)
    where c.collnamespace = 'pg_catalog'::regnamespace
    order by preference.position
    limit 1;
    if unicode_collation is null then
        raise exception using errcode = '0A000', message = 'the server has neither collation pg_unicode_fast nor und-x-icu',
            hint = 'Use Postgres 18 or later, or one built with ICU.';
    end if;
    blanks := E' \t\n\r\f\x0b\u00A0\u00AD\u200B\u2060\u3000\uFEFF';
    execute format($sql$
        create or replace function stats.normalize_text(value text) returns text
        language sql immutable parallel safe
        return nullif(btrim(
            case when octet_length(value) > 200 then stats.long_text_in_nfc(value)
                 when octet_length(value) = char_length(value) or value is nfc normalized then value
                 else normalize(value, nfc) end,
            %1$L), '')
    $sql$, blanks);
    execute $sql$
        create or replace function stats.normalize_session(value text) returns text
        language sql immutable parallel safe
        return case when octet_length(value) > 200 then stats.shortened(stats.normalize_text(value))
                    else stats.normalize_text(value) end
    $sql$;
    -- A server's mapping may take a capital sigma for a final one when only an apostrophe or the like stands before it; a
    -- blank before the text says where words begin.
    execute format($sql$
        create or replace function stats.normalize_utm(value text) returns text
        language sql immutable parallel safe
        return case when octet_length(value) > 200
                    then stats.shortened(substr(lower((' ' || stats.normalize_text(value)) collate %1$s), 2) collate "default")
                    when octet_length(value) = char_length(value)
                    then lower(stats.normalize_text(value) collate "C") collate "default"
                    else substr(lower((' ' || stats.normalize_text(value)) collate %1$s), 2) collate "default" end
    $sql$, unicode_collation);
    execute format($sql$
        create or replace function stats.normalize_cid(value text) returns text
        language sql immutable parallel safe
        return case when octet_length(value) > 100
                    then stats.too_long_to_match(upper(stats.normalize_text(value) collate %1$s) collate "default")
                    when octet_length(value) = char_length(value)
                    then upper(stats.normalize_text(value) collate "C") collate "default"
                    else upper(stats.normalize_text(value) collate %1$s) collate "default" end
    $sql$, unicode_collation);
end
$$;
comment on function stats.normalize_text(text) is
    'N1: Unicode NFC, blanks and what is invisible stripped at both ends; empty reads as NULL (not supplied).';
comment on function stats.normalize_session(text) is 'N1: normalize_text; above 200 code points a digest (shortened).';
comment on function stats.normalize_utm(text) is 'N1: normalize_text, lower case; above 200 code points a digest (shortened).';
comment on function stats.normalize_cid(text) is 'N1: normalize_text, upper case; above 200 characters (too long).';

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
                       lower(left(substring(left(t.referrer, 2000) from '^[A-Za-z][A-Za-z0-9+.-]*://(?:[^/?#@]*@)?([^/?#:@]+)'), 253)) as referrer_host,
                       t.accessed_at, t.created_at
                from public.event_access_logs t
                $view$,
                stats.source_column('event_access_logs', 'webinar_id', 'uuid'),
                stats.source_column('event_access_logs', 'cid', 'text')),
             'Visit hits, one row each (M1): allowed columns only, normalized (N1). Referrer: host only (S7).'),
            ('entry_facts', 'event_survey_entries', format($view$
                select t.id, t.campaign_id, t.client_id, stats.normalize_session(%s) as session_id,
                       stats.normalize_utm(t.utm_source) as utm_source,
                       stats.normalize_utm(t.utm_medium) as utm_medium,
                       stats.normalize_utm(t.utm_campaign) as utm_campaign,
                       stats.normalize_cid(t.registration_data ->> 'cid') as cid,
                       t.marketing_campaign_link_id as link_id,
                       t.created_at
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
        execute format('revoke all on stats.%I from public', source.view_name);
        execute format('grant select on stats.%I to eventflow_pipeline', source.view_name);
    end loop;
end
$$;
comment on function stats.refresh_source_views() is
    'Creates the views over facts and dimensions for the columns that exist now. Run by the tables'' owner.';
revoke execute on function stats.refresh_source_views() from public;
revoke execute on function stats.source_column(text, text, text) from public;
revoke execute on function stats.hand_view_over(text, text) from public;

select stats.refresh_source_views();
