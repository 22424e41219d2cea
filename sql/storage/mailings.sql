-- Statements that are mailed once their month is closed, each to each recipient once.

-- name: select_closings
-- WHAT: closings in force, of a month and client or recorded since an instant (each NULL: any). Grain: one closing.
-- Inputs: stats.closing, stats.clients; :month, :client_id, :since.
select e.client_id, coalesce(c.name, e.client_id::text) as client, e.month, e.version, e.hash
from stats.closing e
left join stats.clients c on c.id = e.client_id
where e.kind = 'closed'
  and (cast(:month as date) is null or e.month = :month)
  and (cast(:client_id as uuid) is null or e.client_id = :client_id)
  and (cast(:since as timestamptz) is null or e.recorded_at >= :since)
  and not exists (
      select from stats.closing n
      where n.month = e.month and n.client_id = e.client_id and n.entry_no > e.entry_no and n.kind <> 'adjusted'
  )
order by e.month, client, e.client_id;

-- name: select_mailings
-- WHAT: how it stands with the recipients of closings. Grain: closing and recipient. Inputs: :closing_hashes.
select m.closing_hash, m.recipient, m.state
from unnest(cast(:closing_hashes as text[])) as closed (closing_hash)
join stats.mailing m on m.closing_hash = closed.closing_hash;

-- name: claim
-- HOW: takes a statement to send to a recipient; no row where it was sent, or is being sent. :again: also where it is not
-- known what became of it. Inputs: :closing_hash, :recipient, :again.
insert into stats.mailing (closing_hash, recipient, state, changed_at)
values (:closing_hash, :recipient, 'sending', now())
on conflict (closing_hash, recipient) do update set state = 'sending', changed_at = now(), reason = null
where stats.mailing.state = 'refused' or stats.mailing.state = 'sending' and :again
returning closing_hash;

-- name: finish
-- HOW: says what became of it. Inputs: :closing_hash, :recipient, :state, :reason.
update stats.mailing
set state = :state, reason = :reason, changed_at = now()
where closing_hash = :closing_hash and recipient = :recipient;
