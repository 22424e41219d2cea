-- Return histograms by month, for ranges over years: the same sessions, added up over the days of a month and of an earlier one.
set local search_path = pg_catalog, pg_temp;

create table if not exists stats.return_month (
    grain text not null,
    month date not null,
    previous_month date not null,
    client_id uuid,
    entity_type stats.entity_type,
    entity_id uuid,
    link_id uuid,
    link_status stats.link_status,
    utm_source text,
    utm_medium text,
    utm_campaign text,
    sessions bigint not null,
    constraint return_month_months_check check (previous_month <= month)
);
create unique index if not exists return_month_key on stats.return_month (
    grain, client_id, month, previous_month, entity_type, entity_id, link_id, link_status,
    utm_source, utm_medium, utm_campaign
) nulls not distinct;
-- As return_histogram_nothing_idx.
create index if not exists return_month_nothing_idx on stats.return_month (month) where sessions <= 0;
alter table stats.return_month enable row level security;

insert into stats.return_month (
    grain, month, previous_month, client_id, entity_type, entity_id, link_id, link_status,
    utm_source, utm_medium, utm_campaign, sessions
)
select
    h.grain, date_trunc('month', h.bucket_date::timestamp)::date, date_trunc('month', h.previous_date::timestamp)::date,
    h.client_id, h.entity_type, h.entity_id, h.link_id, h.link_status, h.utm_source, h.utm_medium, h.utm_campaign,
    sum(h.sessions)
from stats.return_histogram h
group by 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11
order by 1, 4, 2, 3;
