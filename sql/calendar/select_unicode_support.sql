-- WHAT: can this database hold normalized text (N1)? Grain: one row. NFC needs UTF8; the mapping of case one of two collations.
select
    pg_char_to_encoding('UTF8') = (select d.encoding from pg_database d where d.datname = current_database()) as is_utf8,
    exists (
        select from pg_collation c
        where c.collnamespace = 'pg_catalog'::regnamespace and c.collname in ('pg_unicode_fast', 'und-x-icu')
    ) as maps_case
