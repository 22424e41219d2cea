-- N1 and A5: the one form of every text, and what looks personal, in the one place that says it.
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

-- A5: what looks personal. The same string stands in eventflow_pipeline/domain/personal_data.py, conformance/members.json and
-- sql/parity/facts.sql, and a test holds them equal. No backslash and no look-around: it reads the same in every engine.
create or replace function stats.personal_pattern() returns text
language sql immutable parallel safe
return '[a-z0-9_.+-](@|%40)[a-z0-9-]{1,63}[.][a-z0-9-]'
'|(^|[^0-9])01[016789][ .-]?[0-9]{3,4}[ .-]?[0-9]{4}($|[^0-9])'
'|(^|[^0-9])0[2-6][0-9]?-[0-9]{3,4}-[0-9]{4}($|[^0-9])'
'|(^|[^0-9a-z])[+][0-9]{1,3}[ .()-]{1,2}[0-9]{1,4}([ .()-]{1,2}[0-9]{2,4}){1,4}($|[^0-9])'
'|(^|[^0-9a-z])[+][1-9][0-9]{9,14}($|[^0-9])';
comment on function stats.personal_pattern() is
    'A5: a normalized UTM value in which this is found counts as the member (redacted): an e-mail address, a phone number.';

create or replace function stats.may_look_personal(value text) returns boolean
language sql immutable parallel safe
return value collate "C" like '%_@_%._%' or value collate "C" like '%_\%40_%._%' or value collate "C" like '%01________%'
    or value collate "C" like '%0_%-___%-____%' or value collate "C" like '%+______%';
comment on function stats.may_look_personal(text) is
    'A5: false where stats.personal_pattern() cannot be found, told for less: each of its branches needs one of these.';

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
        create or replace function stats.normalize_name(value text) returns text
        language sql immutable parallel safe
        return case when octet_length(value) = char_length(value)
                    then lower(stats.normalize_text(value) collate "C") collate "default"
                    else substr(lower((' ' || stats.normalize_text(value)) collate %1$s), 2) collate "default" end
    $sql$, unicode_collation);
    -- What looks personal is one member, looked for in the whole text, before it is shortened (A5).
    execute $sql$
        create or replace function stats.normalize_utm(value text) returns text
        language sql immutable parallel safe
        return case when octet_length(value) <= 200 and not stats.may_look_personal(value) then stats.normalize_name(value)
                    when stats.normalize_name(value) ~ stats.personal_pattern() then '(redacted)'
                    when octet_length(value) > 200 then stats.shortened(stats.normalize_name(value))
                    else stats.normalize_name(value) end
    $sql$;
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
comment on function stats.normalize_name(text) is 'N1: normalize_text, lower case, whole: what names are compared by.';
comment on function stats.normalize_utm(text) is
    'N1, A5: normalize_name; (redacted) where it looks personal, else above 200 code points a digest (shortened).';
comment on function stats.normalize_cid(text) is 'N1: normalize_text, upper case; above 200 characters (too long).';
