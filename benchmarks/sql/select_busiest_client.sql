-- WHAT: the client with most visits: the slowest to answer for. Grain: one row.
select client_id
from stats.bucket_daily
where grain = 'client' and client_id is not null
group by client_id
order by sum(visits) desc
limit 1
