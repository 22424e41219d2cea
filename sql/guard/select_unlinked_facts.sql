-- WHAT: how many facts would lose the link they were resolved to while their client and entity stay: the link's row
-- vanished, or no longer matches. Facts that go to another client leave the old one's links behind; that is no loss.
-- Grain: business day; only days with such facts. Inputs: day_counts, stats.bucket_daily at the grain link, :dates.
select bucket_date, sum(greatest(linked_before - linked_after - greatest(before - after, 0), 0)) as unlinked_facts
from (
    select bucket_date, client_id, entity_type, entity_id,
           sum(before) as before, sum(after) as after,
           sum(linked_before) as linked_before, sum(linked_after) as linked_after
    from (
        select b.bucket_date, b.client_id, b.entity_type::text, b.entity_id,
               b.hits + b.conversions as before,
               case when b.link_status = 'resolved' then b.hits + b.conversions else 0 end as linked_before,
               0 as after, 0 as linked_after
        from stats.bucket_daily b
        where b.grain = 'link' and b.bucket_date = any (cast(:dates as date[]))
        union all
        select c.bucket_date, c.client_id, c.entity_type, c.entity_id, 0, 0, c.hits + c.conversions, c.linked_facts
        from day_counts c
        where not c.excluded and c.bucket_date = any (cast(:dates as date[]))
    ) counted
    group by bucket_date, client_id, entity_type, entity_id
) member
group by bucket_date
having sum(greatest(linked_before - linked_after - greatest(before - after, 0), 0)) > 0
