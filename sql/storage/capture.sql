-- Dead letters: what waits, and what becomes of it. The payload itself is out of the pipeline's reach.

-- name: update_setting
-- HOW: the shares, as `eventflow migrate` found them in the environment. Inputs: :letter_rows, :letter_bytes.
update stats.capture_setting
set letter_rows = :letter_rows, letter_bytes = :letter_bytes
where (letter_rows, letter_bytes) <> (:letter_rows, :letter_bytes);

-- name: count_waiting
-- Dead letters that wait, or those of some events. Inputs: :events (uuid array; NULL: all).
select count(*) from stats.dead_letter
where replayed_at is null and expired_at is null and discarded_at is null
  and (cast(:events as uuid[]) is null or event_id = any (cast(:events as uuid[])));

-- name: select_letters
-- WHAT: dead letters that wait, the oldest first. Grain: one letter. Inputs: :event (uuid, NULL: any), :of_client,
-- :client_id (NULL: the unknown client's, where :of_client), :most.
select fact, event_id, client_id, reason, payload_bytes, received_at, failed_at, attempts, next_try_at
from stats.dead_letter
where replayed_at is null and expired_at is null and discarded_at is null
  and (cast(:event as uuid) is null or event_id = cast(:event as uuid))
  and (not :of_client or client_id is not distinct from cast(:client_id as uuid))
order by received_at, event_id
limit :most;

-- name: select_contents
-- WHAT: what a letter is about, without anything a person wrote. Grain: one row a fact. Inputs: :event.
select fact, campaign_id, webinar_id, link_id, fields from stats.dead_letter_contents(:event);

-- name: select_shares
-- WHAT: dead letters that wait by whose share they are in, with what a share may hold (F1). Grain: one client (NULL:
-- the unknown one) with any. reason: the most frequent.
select d.client_id, count(*) filter (where d.fact = 'visit') as visits, count(*) filter (where d.fact = 'entry') as entries,
       sum(d.payload_bytes)::bigint as payload_bytes, min(d.received_at) as since,
       extract(epoch from now() - min(d.received_at))::float as oldest_seconds,
       mode() within group (order by d.reason) as reason, s.letter_rows, s.letter_bytes
from stats.dead_letter d
cross join stats.capture_setting s
where d.replayed_at is null and d.expired_at is null and d.discarded_at is null
group by d.client_id, s.letter_rows, s.letter_bytes
order by d.client_id nulls last;

-- name: select_work
-- Anything to replay that is due, or to link. An entry whose visits do not come is looked for at once, after five
-- minutes, and less and less often as it grows older.
select exists (
    select from stats.dead_letter
    where replayed_at is null and expired_at is null and discarded_at is null and next_try_at <= now()
) or exists (
    select from stats.fact_surface
    where fact = 'entry' and linked_at is null and session_id is not null and captured_at > now() - interval '7 days'
      and (looked_at is null or looked_at < now() - greatest(interval '5 minutes', (now() - captured_at) / 12))
);

-- name: replay_dead_letters
-- One pass over the least recently tried dead letters (C2). In: batch (rows), link_grace (seconds), retention (days),
-- due_only, events (uuid array; NULL: of any event). Out: one row, replayed / refused / expired.
select * from stats.replay_dead_letters(
    :batch, make_interval(secs => :link_grace), make_interval(days => :retention), :due_only, cast(:events as uuid[]));

-- name: discard_dead_letters
-- Gives up dead letters. In: events (uuid array), reason, author. Out: how many there were.
select stats.discard_dead_letters(cast(:events as uuid[]), :reason, :author);
