-- HOW: a connection's own scratch table: what the facts of some days amount to now, by member of the grain campaign.
create temporary table if not exists day_counts (
    bucket_date date not null,
    client_id uuid,
    entity_type text not null,
    entity_id uuid,
    excluded boolean not null,
    hits bigint not null,
    conversions bigint not null,
    linked_facts bigint not null,
    fact_hash numeric not null,
    attribution_hash numeric not null
) on commit delete rows
