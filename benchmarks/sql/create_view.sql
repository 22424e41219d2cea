-- HOW: the plain statement as a materialized view over all days, with the unique index REFRESH CONCURRENTLY asks for. Its
-- key is text because a NULL in a key would make every refresh rewrite the row.
create materialized view public.bucket_view as
select plain.*,
       row(grain, client_id, campaign_id, marketing_campaign_link_id, utm_source, utm_medium, utm_campaign)::text as member
from (
    {select_plain}
) plain;
create unique index on public.bucket_view (bucket_date, member);
