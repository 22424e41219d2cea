-- What numbers mean, as data: the build settings they follow, the published grains and the exclusions.
set local search_path = pg_catalog, pg_temp;

create table if not exists stats.build_settings (
    only_row boolean primary key default true check (only_row),
    time_zone text not null,
    first_partition date not null,
    created_at timestamptz not null default now()
);
comment on table stats.build_settings is
    'The zone of the business day (T1) and the first daily partition everything here was built with. One row.';

create table if not exists stats.grain (
    name text primary key,
    position integer not null unique,
    key_columns text[] not null,
    by_client boolean generated always as ('client_id' = any (key_columns)) stored,
    by_entity boolean generated always as ('entity_id' = any (key_columns)) stored,
    by_link boolean generated always as ('link_id' = any (key_columns)) stored,
    by_utm_source boolean generated always as ('utm_source' = any (key_columns)) stored,
    by_utm_medium boolean generated always as ('utm_medium' = any (key_columns)) stored,
    by_utm_campaign boolean generated always as ('utm_campaign' = any (key_columns)) stored
);
comment on table stats.grain is
    'Published grains (M5). A grain is data: its row here and its partition of stats.bucket_daily.';

insert into stats.grain (name, position, key_columns) values
    ('platform', 1, '{}'),
    ('client', 2, '{client_id}'),
    ('campaign', 3, '{client_id,entity_type,entity_id}'),
    ('link', 4, '{client_id,entity_type,entity_id,link_id,link_status}'),
    ('utm_source', 5, '{client_id,utm_source}'),
    ('utm_medium', 6, '{client_id,utm_medium}'),
    ('utm_campaign', 7, '{client_id,utm_campaign}'),
    ('utm', 8, '{client_id,utm_source,utm_medium,utm_campaign}'),
    ('campaign_utm', 9, '{client_id,entity_type,entity_id,utm_source,utm_medium,utm_campaign}')
on conflict do nothing;

create table if not exists stats.exclusion (
    campaign_id uuid primary key,
    reason text not null check (reason <> ''),
    author text not null check (author <> ''),
    created_at timestamptz not null default now()
);
comment on table stats.exclusion is
    'Campaigns whose facts are counted as excluded instead of in buckets (E3), such as test clones.';

alter table stats.build_settings enable row level security;
alter table stats.grain enable row level security;
alter table stats.exclusion enable row level security;
drop policy if exists pipeline_all on stats.build_settings;
drop policy if exists pipeline_read on stats.grain;
drop policy if exists pipeline_all on stats.exclusion;
create policy pipeline_all on stats.build_settings to eventflow_pipeline using (true) with check (true);
create policy pipeline_read on stats.grain for select to eventflow_pipeline using (true);
create policy pipeline_all on stats.exclusion to eventflow_pipeline using (true) with check (true);
grant select on stats.build_settings, stats.grain to eventflow_pipeline;
grant select, insert, delete on stats.exclusion to eventflow_pipeline;
