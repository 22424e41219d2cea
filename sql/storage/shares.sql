-- Shared links: one client, one range, until they expire or are revoked.

-- name: insert_share
-- WHAT: a new link. Grain: one row. Inputs: :client_id, :first_day, :last_day, :days (of its life), :author.
insert into stats.share_link (client_id, first_day, last_day, expires_at, created_by)
values (:client_id, :first_day, :last_day, now() + make_interval(days => :days), :author)
returning share_id, client_id, first_day, last_day, created_at, created_by, expires_at, revoked_at, revoked_by;

-- name: select_shares
-- WHAT: all links, newest first, with the name of the client. Grain: one row per link. Inputs: stats.share_link, dimensions.
select s.share_id, s.client_id, c.name as client, s.first_day, s.last_day, s.created_at, s.created_by, s.expires_at,
       s.revoked_at, s.revoked_by
from stats.share_link s
left join stats.clients c on c.id = s.client_id
order by s.created_at desc, s.share_id;

-- name: revoke_share
-- WHAT: ends a link at once; one that was revoked keeps by whom. Grain: one row, none where there is no such link.
-- Inputs: :share_id, :author.
update stats.share_link
set revoked_at = coalesce(revoked_at, now()), revoked_by = coalesce(revoked_by, :author)
where share_id = :share_id
returning share_id, client_id, first_day, last_day, created_at, created_by, expires_at, revoked_at, revoked_by;
