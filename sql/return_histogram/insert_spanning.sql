-- HOW: writes every histogram row that touches or spans the days :current_first to :current_last, from the bridge alone.
-- Grain: one row. Inputs: what return_histogram/select_returns reads (:last_day: the newest day there is). Rule: M6.
insert into stats.return_histogram (
    grain, bucket_date, previous_date, client_id, entity_type, entity_id, link_id, link_status,
    utm_source, utm_medium, utm_campaign, sessions
)
select r.* from (
{include return_histogram/select_returns}
) r
where r.bucket_date >= :current_first and r.previous_date <= :current_last
  and r.previous_date >= coalesce((select c.bridge_from from stats.calendar c), '-infinity')
