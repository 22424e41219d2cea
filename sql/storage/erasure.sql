-- Erasing one person: what still names a session or an entry, and taking the name away.

-- name: select_facts_left
-- WHAT: facts that still name a session (:session, normalized) or are or name an entry (:entry): visits, entries. One row.
-- Inputs: stats.visit_facts, stats.entry_facts, whole: a session has no index of its own, and this is asked by hand.
select
    (select count(*) from stats.visit_facts v
     where v.session_id = stats.normalize_session(cast(:session as text)) or v.entry_id = cast(:entry as uuid)) as visits,
    (select count(*) from stats.entry_facts e
     where e.session_id = stats.normalize_session(cast(:session as text)) or e.id = cast(:entry as uuid)) as entries;

-- name: insert_erased_days
-- HOW: notes the days on which session-days have a session, and how many facts of them are the person's at most (an entry is
-- no session-day), before nobody can tell any more. Returns the days with their hits. Inputs: stats.session_days; :session.
with day as (
    select s.bucket_date, sum(s.hits) as hits
    from stats.session_days s
    where stats.session_key(s.session_id) = stats.session_key(stats.normalize_session(cast(:session as text)))
      and s.session_id = stats.normalize_session(cast(:session as text))
    group by s.bucket_date
),
noted as (
    insert into stats.erased_day (bucket_date, facts)
    select d.bucket_date, d.hits + 1 from day d
)
select d.bucket_date, d.hits from day d order by d.bucket_date;

-- name: select_erased_days
-- WHAT: days that lost facts of erased persons and were not computed since, and how many facts these had at most.
-- Grain: business day. Inputs: stats.erased_day, stats.partition_state.
select e.bucket_date, sum(e.facts) as facts
from stats.erased_day e
join stats.partition_state s on s.bucket_date = e.bucket_date and s.computed_at < e.erased_at
group by e.bucket_date
order by e.bucket_date;

-- name: delete_erased_days
-- HOW: forgets the days that were computed since. Inputs: stats.partition_state.
delete from stats.erased_day e
using stats.partition_state s
where s.bucket_date = e.bucket_date and s.computed_at > e.erased_at;

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
