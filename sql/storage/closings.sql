-- Closed months: what is frozen, what changed since, and the chain of hashes over both.

-- name: select_month
-- How the days of a month stand: who computed none, whose parts are stale, held or kept as they are.
-- Grain: one business day. Inputs: stats.partition_state, stats.kept_day; :first_day, :last_day.
select d.day::date as bucket_date, s.computed_at is not null as computed,
       s.stale_since is not null as stale, s.stale_clients, s.held_since is not null as held, s.held_clients,
       k.bucket_date is not null as kept, k.clients as kept_clients
from generate_series(cast(:first_day as date), cast(:last_day as date), interval '1 day') as d (day)
left join stats.partition_state s on s.bucket_date = d.day::date
left join stats.kept_day k on k.bucket_date = d.day::date
order by d.day;

-- name: select_longest_range
-- The longest range that is answered, in days; NULL: any.
select longest_range_days from stats.build_settings;

-- name: select_clients
-- Clients that have a row, or facts in the month, by name. Grain: one client. Inputs: :first_day, :last_day.
select w.id, coalesce(c.name, w.id::text) as name
from (
    select id from stats.clients
    union
    select client_id from stats.client_day
    where client_id is not null and bucket_date between :first_day and :last_day
) w
left join stats.clients c on c.id = w.id
order by name, w.id;

-- name: select_standing
-- The newest closing or reopening of each client's month. Grain: one client. Inputs: :month.
select distinct on (e.client_id) e.client_id, e.entry_no, e.kind, e.version, e.author, e.recorded_at, e.last_day, e.hash
from stats.closing e
where e.month = :month and e.kind <> 'adjusted'
order by e.client_id, e.entry_no desc;

-- name: select_head
-- The newest entry of the chain. Grain: one row, or none. Inputs: stats.closing.
select entry_no, hash from stats.closing order by entry_no desc limit 1;

-- name: select_totals
-- WHAT: what would be frozen of clients (:clients), for who decides to see. Grain: one client. Inputs: :first_day, :last_day.
select s.client_id, s.hits, s.visits, s.conversions
from stats.range_rows('client', :first_day, :last_day, null, cast(:clients as uuid[])) s;

-- name: figures_now
-- WHAT: the figures of settlement of clients (:clients) at the month's own range, as published now. Days that are not
-- computed count nothing. Grain: member of the grain client, campaign or link. Rules: M1-M3, M6.
select 'client' as grain, s.*
from stats.range_rows('client', :first_day, :last_day, null, cast(:clients as uuid[])) s
union all
select 'campaign', s.*
from stats.range_rows('campaign', :first_day, :last_day, null, cast(:clients as uuid[])) s
union all
select 'link', s.*
from stats.range_rows('link', :first_day, :last_day, null, cast(:clients as uuid[])) s;

-- name: insert_closed_figures
-- HOW: freezes the figures of clients, each under its entry (:clients and :entries, side by side).
insert into stats.closing_figure
(entry_no, client_id, grain, entity_type, entity_id, link_id, link_status, hits, visits, sessionless_hits, conversions)
select c.entry_no, n.client_id, n.grain, n.entity_type, n.entity_id, n.link_id, n.link_status,
       n.hits, n.visits, n.sessionless_hits, n.conversions
from unnest(cast(:clients as uuid[]), cast(:entries as bigint[])) as c (client_id, entry_no)
join (
    {include storage/closings/figures_now}
) n on n.client_id = c.client_id;

-- name: fingerprints_now
-- HOW: what each day of a month was computed from, of all facts and of each client's part (:clients, :entries).
-- client_fingerprint: NULL where the client has no facts. Grain: client and business day.
select c.client_id, c.entry_no, d.day::date as bucket_date, s.day_fingerprint,
       case when p.client_id is not null
            then md5(concat_ws(' ', p.fingerprint, p.attribution_fingerprint, s.definition)) end as client_fingerprint
from unnest(cast(:clients as uuid[]), cast(:entries as bigint[])) as c (client_id, entry_no)
cross join generate_series(cast(:first_day as date), cast(:last_day as date), interval '1 day') as d (day)
left join stats.partition_state s on s.bucket_date = d.day::date
left join stats.client_day p on p.bucket_date = d.day::date and p.client_id = c.client_id;

-- name: insert_closed_days
-- HOW: keeps what each day of the closed month was computed from.
insert into stats.closing_day (entry_no, client_id, bucket_date, day_fingerprint, client_fingerprint)
select f.entry_no, f.client_id, f.bucket_date, f.day_fingerprint, f.client_fingerprint
from (
    {include storage/closings/fingerprints_now}
) f;

-- name: insert_entry
-- HOW: appends an entry (:entry, its columns as JSON) to the chain; its figures and days are there already.
insert into stats.closing
select f.*
from jsonb_populate_record(
    null::stats.closing,
    cast(:entry as jsonb) || jsonb_build_object(
        'hash', encode(sha256(convert_to(stats.closing_text(cast(:entry as jsonb)), 'UTF8')), 'hex')
    )
) as f
returning hash;

-- name: select_states
-- How complete a month is of clients (:clients), and as of when. Grain: one client. Inputs: :first_day, :last_day.
select c.client_id, s.as_of, s.complete
from unnest(cast(:clients as uuid[])) as c (client_id)
cross join lateral stats.range_state(:first_day, :last_day, c.client_id) s;

-- name: select_changed_months
-- Months with a closing of which a day was computed again since they were last compared. settled: every day is computed,
-- none waits to be, and the range is answered. Grain: one month. Inputs: stats.closing, stats.partition_state.
select m.month, m.last_day, d.days_state, d.settled and m.month >= b.first_partition
       and coalesce(m.last_day - m.month < b.longest_range_days, true) as settled
from (select distinct e.month, e.last_day from stats.closing e) m
cross join stats.build_settings b
cross join lateral (
    select count(s.computed_at) filter (where not s.due) = m.last_day - m.month + 1 as settled,
           md5(coalesce(string_agg(s.bucket_date::text || ' ' || extract(epoch from s.computed_at), ',' order by s.bucket_date), ''))
               as days_state
    from stats.partition_state s
    where s.bucket_date between m.month and m.last_day
) d
left join stats.closing_comparison k on k.month = m.month
where d.days_state is distinct from k.days_state
order by m.month;

-- name: upsert_comparison
-- HOW: notes as which days a closed month was compared.
insert into stats.closing_comparison (month, days_state, compared_at)
values (:month, :days_state, now())
on conflict (month) do update set days_state = excluded.days_state, compared_at = excluded.compared_at;

-- name: differences
-- WHAT: figures now less what was closed and adjusted already, of clients' versions in force (:clients, :versions).
-- Grain: member of the grain client, campaign or link. Inputs: :month, :first_day, :last_day.
select f.client_id, f.grain, f.entity_type, f.entity_id, f.link_id, f.link_status, sum(f.hits)::bigint as hits,
       sum(f.visits)::bigint as visits, sum(f.sessionless_hits)::bigint as sessionless_hits,
       sum(f.conversions)::bigint as conversions
from (
    select n.client_id, n.grain, n.entity_type, n.entity_id, n.link_id, n.link_status,
           n.hits, n.visits, n.sessionless_hits, n.conversions
    from (
        {include storage/closings/figures_now}
    ) n
    union all
    select g.client_id, g.grain, g.entity_type, g.entity_id, g.link_id, g.link_status,
           -g.hits, -g.visits, -g.sessionless_hits, -g.conversions
    from unnest(cast(:clients as uuid[]), cast(:versions as integer[])) as c (client_id, version)
    join stats.closing e on e.month = :month and e.client_id = c.client_id and e.version = c.version
    join stats.closing_figure g on g.entry_no = e.entry_no
) f
group by f.client_id, f.grain, f.entity_type, f.entity_id, f.link_id, f.link_status
having sum(f.hits) <> 0 or sum(f.visits) <> 0 or sum(f.sessionless_hits) <> 0 or sum(f.conversions) <> 0;

-- name: select_differing_clients
-- Clients some figure of which differs. Grain: one client. Inputs: storage/closings/differences.
select distinct d.client_id
from (
    {include storage/closings/differences}
) d
order by d.client_id;

-- name: insert_adjusted_figures
-- HOW: the differences of clients, each under its entry (:clients, :versions, :entries).
insert into stats.closing_figure
(entry_no, client_id, grain, entity_type, entity_id, link_id, link_status, hits, visits, sessionless_hits, conversions)
select c.entry_no, d.client_id, d.grain, d.entity_type, d.entity_id, d.link_id, d.link_status,
       d.hits, d.visits, d.sessionless_hits, d.conversions
from unnest(cast(:clients as uuid[]), cast(:entries as bigint[])) as c (client_id, entry_no)
join (
    {include storage/closings/differences}
) d on d.client_id = c.client_id;

-- name: insert_adjusted_days
-- HOW: the days of a client's part that are no longer what the version last knew them as, and by the ledger why.
insert into stats.closing_day (entry_no, client_id, bucket_date, day_fingerprint, client_fingerprint, causes)
select f.entry_no, f.client_id, f.bucket_date, f.day_fingerprint, f.client_fingerprint, array(
           select distinct l.cause
           from stats.day_ledger l
           where l.bucket_date = f.bucket_date and l.grain = 'platform' and l.cause <> 'unchanged'
             and l.replaced_at > known.recorded_at
           order by l.cause
       )
from (
    {include storage/closings/fingerprints_now}
) f
join unnest(cast(:clients as uuid[]), cast(:versions as integer[])) as v (client_id, version) on v.client_id = f.client_id
cross join lateral (
    select d.client_fingerprint, e.recorded_at
    from stats.closing e
    join stats.closing_day d on d.entry_no = e.entry_no and d.bucket_date = f.bucket_date
    where e.month = :month and e.client_id = f.client_id and e.version = v.version
    order by e.entry_no desc
    limit 1
) known
where f.client_fingerprint is distinct from known.client_fingerprint;

-- name: select_adjustments
-- Adjustments of closed months, oldest first, each with its figures and days. Grain: one entry.
-- Inputs: :month (NULL: all), :client_id (NULL: all).
select e.entry_no, e.client_id, coalesce(c.name, e.client_id::text) as client, e.month, e.version, e.recorded_at, e.hash,
       (
           select jsonb_agg(to_jsonb(f) - 'entry_no' - 'client_id'
                            order by array_position(array['client', 'campaign', 'link'], f.grain), f.entity_type, f.entity_id,
                                     f.link_id, f.link_status)
           from stats.closing_figure f
           where f.entry_no = e.entry_no
       ) as figures,
       (
           select coalesce(jsonb_agg(jsonb_build_object('date', d.bucket_date, 'causes', d.causes) order by d.bucket_date), '[]')
           from stats.closing_day d
           where d.entry_no = e.entry_no
       ) as days
from stats.closing e
left join stats.clients c on c.id = e.client_id
where e.kind = 'adjusted'
  and (cast(:month as date) is null or e.month = :month)
  and (cast(:client_id as uuid) is null or e.client_id = :client_id)
order by e.entry_no;

-- name: select_broken_links
-- Entries that do not follow the one before: a number left out, or another hash. Grain: one entry. Inputs: stats.closing.
select l.entry_no, l.client_id, l.month
from (
    select e.entry_no, e.client_id, e.month, e.previous_hash, lag(e.entry_no, 1, 0::bigint) over w as number_before,
           lag(e.hash, 1, repeat('0', 64)) over w as hash_before
    from stats.closing e
    window w as (order by e.entry_no)
) l
where l.entry_no <> l.number_before + 1 or l.previous_hash <> l.hash_before
order by l.entry_no;

-- name: select_altered_entries
-- Entries (:first_no to :last_no) whose hash is not that of what they hold. Grain: one entry. Inputs: stats.closing_text.
select e.entry_no, e.client_id, e.month
from stats.closing e
where e.entry_no between :first_no and :last_no
  and e.hash <> encode(sha256(convert_to(stats.closing_text(to_jsonb(e)), 'UTF8')), 'hex')
order by e.entry_no;

-- name: select_hashes
-- The hashes of entries (:entries). Grain: one entry. Inputs: stats.closing.
select entry_no, hash from stats.closing where entry_no = any(cast(:entries as bigint[]));

-- name: select_observed
-- How a month stands, of everybody: clients it is closed for and reopened for, their closed figures, adjustments of the
-- versions in force. Grain: one row. Inputs: stats.closing; :month.
with standing as (
    select distinct on (e.client_id) e.client_id, e.entry_no, e.kind, e.version
    from stats.closing e
    where e.month = :month and e.kind <> 'adjusted'
    order by e.client_id, e.entry_no desc
)
select count(*) filter (where s.kind = 'closed') as closed, count(*) filter (where s.kind = 'reopened') as reopened,
       coalesce(sum(f.hits) filter (where s.kind = 'closed'), 0)::bigint as hits,
       coalesce(sum(f.conversions) filter (where s.kind = 'closed'), 0)::bigint as conversions,
       (
           select count(*)
           from stats.closing a
           join standing o on o.client_id = a.client_id and o.version = a.version and o.kind = 'closed'
           where a.month = :month and a.kind = 'adjusted'
       ) as adjustments
from standing s
left join stats.closing_figure f on f.entry_no = s.entry_no and f.grain = 'client';

-- name: select_recent_months
-- Months with an entry since :since. Grain: one month. Inputs: stats.closing.
select distinct month from stats.closing where recorded_at >= :since order by month;
