-- HOW: a connection's own scratch table for the facts a comparison starts from.
create temporary table if not exists raw_fact (
    bucket_date date not null,
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
    created_at timestamptz
) on commit delete rows
