-- HOW: a connection's own scratch table for the rows from which the buckets of the day it is replacing are counted.
create temporary table if not exists stage_cells (
    client_id uuid,
    entity_type text not null,
    entity_id uuid,
    link_id uuid,
    link_status text not null,
    utm_source text,
    utm_medium text,
    utm_campaign text,
    session_no integer,
    hits integer not null,
    visits integer not null,
    sessionless_hits integer not null,
    conversions integer not null
) on commit delete rows
