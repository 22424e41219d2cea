-- Erasing one person: what still names a session or an entry, and taking the name away.

-- name: select_facts_left
-- WHAT: facts that still name a session (:session, normalized) or are or name an entry (:entry): visits, entries. One row.
-- Inputs: stats.visit_facts, stats.entry_facts, whole: a session has no index of its own, and this is asked by hand.
select
    (select count(*) from stats.visit_facts v
     where v.session_id = stats.normalize_session(cast(:session as text)) or v.entry_id = cast(:entry as uuid)) as visits,
    (select count(*) from stats.entry_facts e
     where e.session_id = stats.normalize_session(cast(:session as text)) or e.id = cast(:entry as uuid)) as entries;

-- name: select_session_hits
-- WHAT: the days on which session-days have a session, and its hits. Grain: business day. Inputs: stats.session_days; :session.
select s.bucket_date, sum(s.hits) as hits
from stats.session_days s
where stats.session_key(s.session_id) = stats.session_key(stats.normalize_session(cast(:session as text)))
  and s.session_id = stats.normalize_session(cast(:session as text))
group by s.bucket_date
order by s.bucket_date;

-- name: update_session_days
-- HOW: another name for a session, so that what is counted stays countable and names nobody. Inputs: :session, :nobody.
update stats.session_days
set session_id = :nobody
where stats.session_key(session_id) = stats.session_key(stats.normalize_session(cast(:session as text)))
  and session_id = stats.normalize_session(cast(:session as text));

-- name: update_session_day_changes
-- HOW: the same name for the session in the changes that the histograms have not yet. Inputs: :session, :nobody.
update stats.session_day_change
set session_id = :nobody
where session_id = stats.normalize_session(cast(:session as text));

-- name: erase_captured
-- HOW: deletes what capture keeps beside facts and before them: dead letters, pages and first touches. One row of counts.
-- Inputs: :session, :entry; :window_start, :window_end, around the days of the session.
select letters, surfaces
from stats.erase_captured(
    cast(:session as text), cast(:entry as uuid), cast(:window_start as timestamptz), cast(:window_end as timestamptz)
);
