-- Short links by cid: by the expression of stats.link_keys (sql/schema/11_capture.sql), word for word. Built without blocking
-- writers; see docs/decisions/0031-capture-watched-and-bounded.md.
create index concurrently if not exists campaign_link_meta_cid_stats_idx on public.campaign_link_meta (
    (case when cid collate "C" ~ '^[!-~]([ -~]{0,198}[!-~])?$' then upper(cid collate "C") when cid is not null then '' end));
