-- Window scans of public.event_access_logs by created_at (B6): B-tree, because scripts back-date rows and restores reorder them, which a
-- BRIN index does not survive. Built without blocking writers; see docs/decisions/0005-fact-indexes.md.
create index concurrently if not exists event_access_logs_created_at_stats_idx on public.event_access_logs (created_at);
