-- HOW: a connection's own scratch table for the members of every grain that the compared facts have. A table and no part
-- of a statement: analysed, so that what is joined with it is not taken for a few rows.
create temporary table if not exists raw_member (
    member_no integer not null,
    attribution_no integer not null,
    grain text not null,
    client_id uuid,
    entity_type text,
    entity_id uuid,
    link_id uuid,
    link_status text,
    utm_source text,
    utm_medium text,
    utm_campaign text
) on commit delete rows
