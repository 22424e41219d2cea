-- HOW: a connection's own scratch table for the facts a comparison starts from. Attributions and the sessions of visits
-- also as numbers, so that what counts compares integers; session_no is NULL for entries and without a session. What is not
-- counted is excluded (E3), or of a client whose part of the day is held: what is published of it is counted in its place.
create temporary table if not exists raw_fact (
    bucket_date date not null,
    attribution_no integer not null,
    session_no integer,
    is_visit boolean not null,
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
    happened_at timestamptz,
    created_at timestamptz
) on commit delete rows
