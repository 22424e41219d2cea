-- N1: the one form of every text, in the one place that says it.
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
