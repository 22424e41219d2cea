-- HOW: a connection's own scratch table for the facts a comparison starts from, one row for what a session (NULL: hits
-- without one, and entries) has under an attribution on a day. Attributions and sessions also as numbers, so that what
-- counts compares integers. What is not counted is excluded (E3), or of a client whose part of the day is held: what is
-- published of it is counted in its place. newest: when the latest of the facts was recorded.
create temporary table if not exists raw_cell (
    bucket_date date not null,
    attribution_no integer not null,
    session_no integer,
    client_id uuid,
    entity_type text not null,
    entity_id uuid,
    link_id uuid,
    link_status text not null,
    utm_source text,
    utm_medium text,
    utm_campaign text,
    session_id text,
    excluded boolean not null,
    counted boolean not null,
    hits integer not null,
    conversions integer not null,
    newest timestamptz
) on commit delete rows
