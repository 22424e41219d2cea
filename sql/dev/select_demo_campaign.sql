-- A campaign for the demo's pages: the newest published registration. Out: id, or no row.
select id from stats.campaigns where status = 'published' and type = 'registration' order by created_at desc, id limit 1
