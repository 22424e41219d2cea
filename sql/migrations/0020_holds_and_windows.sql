-- What each client would lose on a day that is held for several; windows of maintenance that somebody ended early; since
-- when linkage of a day is not of the marks on its hits.
set local search_path = pg_catalog, pg_temp;

alter table stats.partition_state add column if not exists losing_reasons text[];

alter table stats.quality_daily add column if not exists remarked_at timestamptz;

alter table stats.maintenance_window
    add column if not exists ended_at timestamptz,
    add column if not exists ended_by text,
    add column if not exists ended_reason text;
