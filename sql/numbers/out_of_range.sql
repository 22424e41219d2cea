-- WHAT: facts before the first partition or after the current day (T4): in no bucket, not lost.
-- Grain: one row. Inputs: stats.visit_facts, stats.entry_facts; :window_start, :window_end, the bounds of all partitions.
select
    (select count(*) from stats.visit_facts v where v.accessed_at < :window_start)
    + (select count(*) from stats.visit_facts v where v.accessed_at >= :window_end) as hits,
    (select count(*) from stats.entry_facts e where e.created_at < :window_start)
    + (select count(*) from stats.entry_facts e where e.created_at >= :window_end) as conversions
