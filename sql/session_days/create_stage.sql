-- HOW: a connection's own scratch table for the attributed facts of the day it is replacing.
create temporary table if not exists stage_session_days (
    client_id uuid,
    entity_type text not null,
    entity_id uuid,
    link_id uuid,
    link_status text not null,
    utm_source text,
    utm_medium text,
    utm_campaign text,
    session_id text,
    hits integer not null,
    conversions integer not null,
    excluded boolean not null,
    fact_hash numeric not null,
    attribution_hash numeric not null
) on commit delete rows
