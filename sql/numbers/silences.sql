-- WHAT: how long each stream of a client has been quiet, and how long it is used to be at this hour of the week: the 99th
-- percentile of the gaps that touch the hour in the 8 weeks before (Q7). Grain: client, stream.
-- Inputs: numbers/known_streams; facts; :now, :today, :recent_start (how far back the last fact is looked for),
-- :hours and :hour_ends (the same hour of the week in earlier weeks), :reach_hours (facts this far around an hour; a gap
-- is cut there). Streams not seen since :recent_start are quiet since then at the latest.
with known as (
{include numbers/known_streams}
),
period as (
    select 0 as no, cast(:recent_start as timestamptz) as period_start, cast(:now as timestamptz) as period_end,
           null::timestamptz as hour_start, null::timestamptz as hour_end
    union all
    select w.no, w.hour_start - make_interval(hours => :reach_hours), w.hour_end + make_interval(hours => :reach_hours),
           w.hour_start, w.hour_end
    from unnest(cast(:hours as timestamptz[]), cast(:hour_ends as timestamptz[])) with ordinality
        as w (hour_start, hour_end, no)
),
fact as (
    select p.no, v.client_id, 'visits' as stream, v.accessed_at as happened_at
    from period p
    join (
        {include numbers/visits}
    ) v on v.accessed_at >= p.period_start and v.accessed_at < p.period_end
    union all
    select p.no, e.client_id, 'entries', e.created_at
    from period p
    join stats.entry_facts e on e.created_at >= p.period_start and e.created_at < p.period_end
),
{include numbers/quiet_and_usual}
