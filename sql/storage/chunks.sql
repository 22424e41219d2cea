-- What facts of the latest days amount to, by chunk of five minutes: change detection reads only those again that moved.

-- name: select_inputs
-- WHAT: everything besides facts that counting them depends on, condensed: dimensions as attribution reads them, rules of
-- exclusion and folding, how the views read facts, the definition. Another start of the server too: only of the same server
-- does a row version say that a row is the same (a restored one gives them out again).
-- Grain: one row. Inputs: stats.campaigns, stats.webinars, stats.links, stats.exclusion, stats.fold_rule, stats.fold_value;
-- :definition. Sums of hashes of hashes: values exchanged between two rows do not cancel out.
select md5(concat_ws(' ', sum(hashtextextended(input.record_hash::text, 0)), (
    select string_agg(md5(pg_get_viewdef(v.oid)), ' ' order by v.relname)
    from pg_class v
    where v.relnamespace = 'stats'::regnamespace
      and v.relname in ('visit_facts', 'entry_facts', 'campaigns', 'webinars', 'links')
), pg_postmaster_start_time(), cast(:definition as text))) as inputs
from (
    select hash_record_extended(row('campaign'::text, c.id, c.client_id), 0) as record_hash from stats.campaigns c
    union all
    select hash_record_extended(row('webinar'::text, w.id, w.client_id), 0) from stats.webinars w
    union all
    select hash_record_extended(
        row('link'::text, l.id, l.client_id, l.cid, l.utm_source, l.utm_medium, l.utm_campaign,
            timestamptz_send(l.created_at)), 0
    )
    from stats.links l
    union all
    select hash_record_extended(row('exclusion'::text, x.campaign_id), 0) from stats.exclusion x
    union all
    select hash_record_extended(row('fold'::text, r.rule_no, r.client_id, r.field, r.kind, r.prefix, v.value), 0)
    from stats.fold_rule r
    left join stats.fold_value v on v.rule_no = r.rule_no
    where r.removed_at is null
) input;

-- name: select_chunked_days
-- WHAT: of some days, whether what is known of their facts is other than what was stored, or they are marked (differs), and
-- whether they have to be compared with their facts now (due): these, those that new facts name, those that were never
-- compared with :inputs, and those whose time has come, by their age.
-- Grain: one business day. Inputs: stats.chunked_day, stats.chunk, stats.partition_state; :days; :named, of them; :inputs,
-- :definition; :today; :pause, until the next time this is asked: later would be too late.
select d.day, known.differs,
       known.differs or d.day = any (cast(:named as date[])) or coalesce(k.inputs <> cast(:inputs as text), true)
       or k.compared_at + case when d.day = :today then interval '1 minute' else interval '5 minutes' end
           <= now() + cast(:pause as interval) as due
from unnest(cast(:days as date[])) as d (day)
left join stats.chunked_day k on k.bucket_date = d.day
left join stats.partition_state s on s.bucket_date = d.day
cross join lateral (
    select
        s.stale_since is not null or (
            case when s.computed_at is null then count(*) > 0
                 else coalesce(
                     s.fingerprint <> coalesce(sum(c.fact_hash), 0) or s.definition <> cast(:definition as text)
                     or s.attribution_fingerprint <> coalesce(sum(c.attribution_hash), 0), true
                 )
            end
        ) as differs
    from stats.chunk c
    where c.bucket_date = d.day
) known
order by d.day;

-- name: select_chunk_versions
-- WHAT: the versions of a day's rows, summed: another sum where a fact was added, deleted, changed or written anew.
-- Grain: one chunk that has facts. Inputs: stats.visit_facts, stats.entry_facts by time, their rows' versions alone;
-- :window_start, :window_end (T1). No table of ours, whose policies name functions that no second process may run.
select date_bin(interval '5 minutes', f.occurred_at, timestamptz '2000-01-01 00:00Z') as chunk_start,
       sum(f.row_version) as row_versions
from (
    select v.accessed_at as occurred_at, v.row_version
    from stats.visit_facts v
    where v.accessed_at >= :window_start and v.accessed_at < :window_end
    union all
    select e.created_at, e.row_version
    from stats.entry_facts e
    where e.created_at >= :window_start and e.created_at < :window_end
) f
group by 1;

-- name: select_chunks
-- WHAT: the chunks of a day with the versions they were read at; NULL where the day was last compared with other inputs, or
-- never. Grain: one chunk. Inputs: stats.chunk, stats.chunked_day; :bucket_date, :inputs.
select c.chunk_start, case when k.inputs = cast(:inputs as text) then c.row_versions end as row_versions
from stats.chunk c
left join stats.chunked_day k on k.bucket_date = c.bucket_date
where c.bucket_date = :bucket_date;

-- name: delete_chunk_members
-- HOW: forgets what facts of moved chunks amounted to. Inputs: :bucket_date, :chunks (their first instants).
delete from stats.chunk_member where bucket_date = :bucket_date and chunk_start = any (cast(:chunks as timestamptz[]));

-- name: delete_chunks
-- HOW: forgets moved chunks themselves. Inputs: :bucket_date, :chunks.
delete from stats.chunk where bucket_date = :bucket_date and chunk_start = any (cast(:chunks as timestamptz[]));

-- name: insert_chunk_members
-- HOW: what facts of moved chunks amount to now, by what a day's counts are kept by (storage/changes/insert_day_counts).
-- Grain: chunk, client, entity, excluded. Inputs: numbers/folded_facts from the first to the end of the last of them
-- (:window_start, :window_end); :bucket_date, :chunks.
insert into stats.chunk_member (
    bucket_date, chunk_start, client_id, entity_type, entity_id, excluded, hits, conversions, linked_facts, folded_facts,
    fact_hash, attribution_hash
)
select
    cast(:bucket_date as date), date_bin(interval '5 minutes', occurred_at, timestamptz '2000-01-01 00:00Z') as chunk_start,
    client_id, entity_type, unfolded_entity_id, excluded,
    sum(hits), sum(conversions), count(*) filter (where link_status = 'resolved'), sum(folded), sum(fact_hash),
    sum(attribution_hash)
from (
    {include numbers/folded_facts}
) fact
where date_bin(interval '5 minutes', occurred_at, timestamptz '2000-01-01 00:00Z') = any (cast(:chunks as timestamptz[]))
group by 2, 3, 4, 5, 6;

-- name: insert_chunks
-- HOW: moved chunks with the versions of their rows and what their facts sum up to. Grain: one chunk.
-- Inputs: stats.chunk_member; :bucket_date; :chunks and :row_versions, of those that have facts.
insert into stats.chunk (bucket_date, chunk_start, row_versions, fact_hash, attribution_hash)
select cast(:bucket_date as date), moved.chunk_start, moved.row_versions, sum(m.fact_hash), sum(m.attribution_hash)
from unnest(cast(:chunks as timestamptz[]), cast(:row_versions as numeric[])) as moved (chunk_start, row_versions)
join stats.chunk_member m on m.bucket_date = :bucket_date and m.chunk_start = moved.chunk_start
group by moved.chunk_start, moved.row_versions;

-- name: upsert_chunked_days
-- HOW: notes that all chunks of some days are those of this transaction's snapshot. Inputs: :days, :inputs.
insert into stats.chunked_day (bucket_date, compared_at, inputs)
select d.day, transaction_timestamp(), cast(:inputs as text)
from unnest(cast(:days as date[])) as d (day)
on conflict (bucket_date) do update set compared_at = excluded.compared_at, inputs = excluded.inputs;

-- name: insert_chunked_day_counts
-- HOW: the counts of some days (storage/changes/insert_day_counts) from their chunks, which are those of this snapshot.
-- Grain: business day, client, entity, excluded. Inputs: stats.chunk_member; :days.
insert into day_counts (
    bucket_date, client_id, entity_type, entity_id, excluded, hits, conversions, linked_facts, folded_facts, fact_hash,
    attribution_hash
)
select
    bucket_date, client_id, entity_type, entity_id, excluded, sum(hits), sum(conversions), sum(linked_facts),
    sum(folded_facts), sum(fact_hash), sum(attribution_hash)
from stats.chunk_member
where bucket_date = any (cast(:days as date[]))
group by bucket_date, client_id, entity_type, entity_id, excluded;

-- name: select_other_chunked_days
-- WHAT: the days with chunks that are not among :days. Grain: one business day. Inputs: stats.chunked_day, stats.chunk.
select bucket_date from stats.chunked_day where bucket_date <> all (cast(:days as date[]))
union
select bucket_date from stats.chunk where bucket_date <> all (cast(:days as date[]))
order by bucket_date;

-- name: delete_chunk_members_of_days
-- HOW: the next three forget all about the chunks of some days. Inputs: :days.
delete from stats.chunk_member where bucket_date = any (cast(:days as date[]));

-- name: delete_chunks_of_days
-- HOW: see delete_chunk_members_of_days.
delete from stats.chunk where bucket_date = any (cast(:days as date[]));

-- name: delete_chunked_days
-- HOW: see delete_chunk_members_of_days; alone, it has all of the days' facts read again.
delete from stats.chunked_day where bucket_date = any (cast(:days as date[]));
