-- WHAT: as numbers/silences, for each capture surface of a client: the page or route that sent the fact, where
-- capture kept it (Q7). A surface is known when it was seen around this hour four weeks ago or earlier, and within a week.
-- Grain: client, surface. Inputs: facts, stats.fact_surface; :now, :recent_start, :hours, :hour_ends, :reach_hours.
with period as (
    select 0 as no, cast(:recent_start as timestamptz) as period_start, cast(:now as timestamptz) as period_end,
           null::timestamptz as hour_start, null::timestamptz as hour_end
    union all
    select w.no, w.hour_start - make_interval(hours => :reach_hours), w.hour_end + make_interval(hours => :reach_hours),
           w.hour_start, w.hour_end
    from unnest(cast(:hours as timestamptz[]), cast(:hour_ends as timestamptz[])) with ordinality
        as w (hour_start, hour_end, no)
),
fact as (
    select p.no, v.client_id, 'surface ' || s.surface as stream, v.accessed_at as happened_at
    from period p
    join (
        {include numbers/visits}
    ) v on v.accessed_at >= p.period_start and v.accessed_at < p.period_end
    join stats.fact_surface s on s.fact = 'visit' and s.fact_id = v.id
    where s.surface is not null
    union all
    select p.no, e.client_id, 'surface ' || s.surface, e.created_at
    from period p
    join stats.entry_facts e on e.created_at >= p.period_start and e.created_at < p.period_end
    join stats.fact_surface s on s.fact = 'entry' and s.fact_id = e.id
    where s.surface is not null
),
known as (
    select client_id, stream, min(happened_at) as first_day
    from fact
    where client_id is not null
    group by client_id, stream
    having bool_or(no >= 4) and bool_or(no <= 1)
),
{include numbers/quiet_and_usual}
