-- Days with names, for analysts and their BI tools (eventflow_bi; docs/analysts.md). They read with the analyst's own rights.
set local search_path = pg_catalog, pg_temp;

create or replace view stats.named_client_daily with (security_invoker = true) as
select b.bucket_date, b.client_id, c.name as client_name, b.hits, b.visits, b.sessionless_hits, b.conversions,
       round(b.conversions::numeric / nullif(b.visits, 0), 6) as cvr, (
           s.stale_since is not null and (s.stale_clients is null or array_position(s.stale_clients, b.client_id) is not null)
       ) as is_stale
from stats.bucket_daily b
left join stats.clients c on c.id = b.client_id
left join stats.partition_state s on s.bucket_date = b.bucket_date
where b.grain = 'client';
comment on view stats.named_client_daily is
    'Each client''s business day. Visits are of the single day: they do not add up over days or clients; for a range ask stats.range_summary(''client'', from, to).';

create or replace view stats.named_campaign_daily with (security_invoker = true) as
select b.bucket_date, b.client_id, c.name as client_name, b.entity_type::text as entity_type, b.entity_id,
       coalesce(k.title, w.title) as entity_title, b.hits, b.visits, b.sessionless_hits, b.conversions,
       round(b.conversions::numeric / nullif(b.visits, 0), 6) as cvr, (
           s.stale_since is not null and (s.stale_clients is null or array_position(s.stale_clients, b.client_id) is not null)
       ) as is_stale
from stats.bucket_daily b
left join stats.clients c on c.id = b.client_id
left join stats.campaigns k on b.entity_type = 'campaign' and k.id = b.entity_id and k.client_id is not distinct from b.client_id
left join stats.webinars w on b.entity_type = 'webinar' and w.id = b.entity_id and w.client_id is not distinct from b.client_id
left join stats.partition_state s on s.bucket_date = b.bucket_date
where b.grain = 'campaign';
comment on view stats.named_campaign_daily is
    'Each campaign''s or webinar''s business day. Visits are of the single day and entity: they do not add up over days or campaigns; for a range ask stats.range_summary(''campaign'', from, to).';

create or replace view stats.named_link_daily with (security_invoker = true) as
select b.bucket_date, b.client_id, c.name as client_name, b.link_id, l.name as link_name, b.link_status::text as link_status,
       b.entity_type::text as entity_type, b.entity_id, coalesce(k.title, w.title) as entity_title,
       b.hits, b.visits, b.sessionless_hits, b.conversions,
       round(b.conversions::numeric / nullif(b.visits, 0), 6) as cvr, (
           s.stale_since is not null and (s.stale_clients is null or array_position(s.stale_clients, b.client_id) is not null)
       ) as is_stale
from stats.bucket_daily b
left join stats.clients c on c.id = b.client_id
left join stats.links l on l.id = b.link_id and l.client_id = b.client_id
left join stats.campaigns k on b.entity_type = 'campaign' and k.id = b.entity_id and k.client_id is not distinct from b.client_id
left join stats.webinars w on b.entity_type = 'webinar' and w.id = b.entity_id and w.client_id is not distinct from b.client_id
left join stats.partition_state s on s.bucket_date = b.bucket_date
where b.grain = 'link';
comment on view stats.named_link_daily is
    'Each link''s business day, and what arrived by unresolved links or none. Visits are of the single day, link and entity: they do not add up; for a range ask stats.range_summary(''link'', from, to).';

create or replace view stats.named_utm_daily with (security_invoker = true) as
select b.bucket_date, b.client_id, c.name as client_name, b.utm_source, b.utm_medium, b.utm_campaign,
       b.hits, b.visits, b.sessionless_hits, b.conversions,
       round(b.conversions::numeric / nullif(b.visits, 0), 6) as cvr, (
           s.stale_since is not null and (s.stale_clients is null or array_position(s.stale_clients, b.client_id) is not null)
       ) as is_stale
from stats.bucket_daily b
left join stats.clients c on c.id = b.client_id
left join stats.partition_state s on s.bucket_date = b.bucket_date
where b.grain = 'utm';
comment on view stats.named_utm_daily is
    'Each client''s business day by UTM source, medium and campaign (NULL: none). Visits are of the single day and combination: they do not add up; for a range ask stats.range_summary(''utm'', from, to).';

do $$
declare
    described record;
begin
    for described in
        select c.oid::regclass as view_name, a.attname, d.description
        from pg_class c
        join pg_attribute a on a.attrelid = c.oid and a.attnum > 0
        join (values
            ('bucket_date', 'The business day (T1).'),
            ('client_id', 'The client; NULL: unknown.'),
            ('client_name', 'The client''s name as it is now.'),
            ('entity_type', 'campaign, webinar or unknown (E1).'),
            ('entity_id', 'The campaign or webinar; NULL: unknown.'),
            ('entity_title', 'Its title as it is now; NULL where it is none of the client''s.'),
            ('link_id', 'The link; NULL: none.'),
            ('link_name', 'Its name as it is now.'),
            ('link_status', 'resolved, unresolved or unknown (A2).'),
            ('utm_source', 'UTM source after attribution (A3); NULL: none.'),
            ('utm_medium', 'UTM medium after attribution (A3); NULL: none.'),
            ('utm_campaign', 'UTM campaign after attribution (A3); NULL: none.'),
            ('hits', 'Visit hits (M1). Adds up.'),
            ('visits', 'Distinct sessions of the day (M2). NEVER add it up: one session on two days is one visit of both.'),
            ('sessionless_hits', 'Hits without a session (M1), which are no visits. Adds up.'),
            ('conversions', 'Entries (M3). Adds up.'),
            ('cvr', 'conversions / visits of the day (M4); NULL without visits. Neither add it up nor average it.'),
            ('is_stale', 'The client''s facts of the day changed since the row was computed: it will be computed again, or is held until somebody decides.')
        ) as d (name, description) on d.name = a.attname
        where c.relnamespace = 'stats'::regnamespace and c.relkind = 'v' and c.relname like 'named\_%\_daily'
    loop
        execute format('comment on column %s.%I is %L', described.view_name, described.attname, described.description);
    end loop;
end
$$;
