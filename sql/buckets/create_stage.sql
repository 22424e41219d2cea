-- HOW: a connection's own scratch table for the buckets of the day it is replacing.
create temporary table if not exists stage_buckets (
    grain text not null,
    client_id uuid,
    entity_type text,
    entity_id uuid,
    link_id uuid,
    link_status text,
    utm_source text,
    utm_medium text,
    utm_campaign text,
    hits bigint not null,
    visits bigint not null,
    sessionless_hits bigint not null,
    conversions bigint not null
) on commit delete rows
