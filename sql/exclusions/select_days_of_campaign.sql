-- WHAT: the days that hold facts of a campaign: those a rule of exclusion for it changes.
-- Grain: one business day. Inputs: stats.visit_facts, stats.entry_facts by campaign_id; :campaign_id; :dates and :starts,
-- all days and their first instants in order (T1), :window_start, :window_end, their bounds.
select distinct (cast(:dates as date[]))[width_bucket(occurred_at, cast(:starts as timestamptz[]))] as bucket_date
from (
    select v.accessed_at as occurred_at from stats.visit_facts v where v.campaign_id = :campaign_id
    union all
    select e.created_at from stats.entry_facts e where e.campaign_id = :campaign_id
) fact
where occurred_at >= :window_start and occurred_at < :window_end
