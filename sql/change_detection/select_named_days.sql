-- WHAT: the days whose visit hits were recorded after an instant, whatever time they are dated (late facts).
-- Grain: one business day. Inputs: stats.visit_facts by created_at, :since; :dates and :starts, all days and their first
-- instants in order (T1). Facts outside those days are left out (T4); entries have no ingest time.
select distinct (cast(:dates as date[]))[width_bucket(v.accessed_at, cast(:starts as timestamptz[]))] as bucket_date
from stats.visit_facts v
where v.created_at >= :since and v.accessed_at >= :window_start and v.accessed_at < :window_end
