-- Hour buckets (B1): campaign grain, for the clients and campaigns listed in EVENTFLOW_HOURLY_CLIENTS and
-- EVENTFLOW_HOURLY_CAMPAIGNS, replaced within the day's transaction. Hours start on UTC hours; the local date is part
-- of the key, since a zone at :30 splits an hour over two days (T2).
set local search_path = pg_catalog, pg_temp;

create table if not exists stats.campaign_hourly (
    bucket_date date not null,
    bucket_hour timestamptz not null,
    client_id uuid,
    entity_type text not null,
    entity_id uuid,
    hits bigint not null,
    visits bigint not null,
    sessionless_hits bigint not null,
    conversions bigint not null
);
comment on table stats.campaign_hourly is
    'Hour buckets (B1): per business day, UTC hour and campaign or webinar of a listed client or campaign, hits (M1), visits = distinct sessions of the hour (M2), sessionless hits and conversions (M3). Hours without anything have no row; visits do not add up over hours.';
create unique index if not exists campaign_hourly_key
    on stats.campaign_hourly (client_id, bucket_date, bucket_hour, entity_type, entity_id) nulls not distinct;
create index if not exists campaign_hourly_bucket_date_idx on stats.campaign_hourly (bucket_date);

alter table stats.campaign_hourly enable row level security;
drop policy if exists pipeline_all on stats.campaign_hourly;
create policy pipeline_all on stats.campaign_hourly to eventflow_pipeline using (true) with check (true);
drop policy if exists tenant_read on stats.campaign_hourly;
create policy tenant_read on stats.campaign_hourly for select
    using ((select stats.caller_sees_all()) or client_id = any ((select stats.caller_clients())::uuid[]));
grant select, insert, update, delete on stats.campaign_hourly to eventflow_pipeline;
select stats.grant_readers();
