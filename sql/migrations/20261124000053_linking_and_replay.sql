-- What happens after capture, on a schedule: entries find their visits, dead letters become facts when they can.
set local search_path = pg_catalog, pg_temp;

create or replace function stats.link_entries(p_limit integer default 10000)
returns table (entries integer, visits integer, waiting integer)
language sql volatile security definer set search_path = pg_catalog, pg_temp
as $$
    -- An entry marks every not yet converted hit of its session in its campaign (source contract), up to five minutes
    -- after itself; of two entries of one session the earlier. One whose visits have not arrived waits for a week.
    with due as materialized (
        select s.fact_id, s.session_id, e.campaign_id, e.created_at
        from stats.fact_surface s join public.event_survey_entries e on e.id = s.fact_id
        where s.fact = 'entry' and s.linked_at is null and s.session_id is not null
          and s.captured_at > now() - interval '7 days'
        order by s.looked_at nulls first, s.captured_at
        limit p_limit
        for update of s skip locked
    ), first_of_session as (
        select distinct on (campaign_id, session_id) * from due order by campaign_id, session_id, created_at, fact_id
    ), marked as (
        update public.event_access_logs v set entry_id = d.fact_id, converted_at = d.created_at
        from first_of_session d
        where v.campaign_id = d.campaign_id and v.session_id = d.session_id and v.entry_id is null
          and v.accessed_at <= d.created_at + interval '5 minutes'
        returning v.id
    ), looked as (
        update stats.fact_surface s set looked_at = now(), linked_at = case when exists (
            select from public.event_access_logs v
            where v.campaign_id = d.campaign_id and v.session_id = d.session_id
              and v.accessed_at <= d.created_at + interval '5 minutes') then now() end
        from due d
        where s.fact = 'entry' and s.fact_id = d.fact_id
        returning s.linked_at
    )
    select count(linked_at)::integer, (select count(*) from marked)::integer, (count(*) - count(linked_at))::integer
    from looked
$$;
comment on function stats.link_entries(integer) is
    'Links captured entries to their visits (entry_id, converted_at), least recently looked for first. Out: entries linked, visit hits marked, entries whose visits are not there yet. Safe to repeat and to run twice at once.';

create or replace function stats.replay_dead_letters(p_limit integer, p_link_grace interval, p_retention interval)
returns table (replayed integer, refused integer, expired integer)
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp
as $$
declare
    letter record;
    answer jsonb;
begin
    replayed := 0;
    refused := 0;
    update stats.dead_letter d set payload = null, expired_at = now()
    where d.payload is not null and d.received_at < now() - p_retention;
    get diagnostics expired = row_count;
    for letter in
        select d.fact, d.event_id, d.payload, d.received_at, d.refused_columns
        from stats.dead_letter d
        where d.payload is not null
        order by d.failed_at
        limit p_limit
        for update skip locked
    loop
        if 'marketing_campaign_link_id' = any (letter.refused_columns) and letter.received_at < now() - p_link_grace then
            -- The link is not just late but gone, as hard-deleted links are: the visit counts without it (C2).
            answer := stats.capture_fact(letter.fact, letter.payload, letter.received_at);
            if answer ->> 'status' = 'dead_letter' then
                answer := stats.capture_fact(letter.fact,
                    letter.payload - 'link_id' - 'marketing_campaign_link_id' || jsonb_build_object(
                        'missing_link_id', coalesce(letter.payload -> 'link_id', letter.payload -> 'marketing_campaign_link_id')),
                    letter.received_at);
            end if;
        else
            answer := stats.capture_fact(letter.fact, letter.payload, letter.received_at);
        end if;
        if answer ->> 'status' in ('stored', 'duplicate') then
            update stats.dead_letter d set payload = null, replayed_at = now()
            where d.fact = letter.fact and d.event_id = letter.event_id;
            replayed := replayed + 1;
        else
            refused := refused + 1;
        end if;
    end loop;
    return next;
end
$$;
comment on function stats.replay_dead_letters(integer, interval, interval) is
    'Tries dead letters again, least recently tried first; a replayed one loses its payload. A link refused for longer than p_link_grace is left out (kept as fact_surface.missing_link_id); payloads older than p_retention are removed. Safe to repeat and to run twice at once.';

grant create on schema stats to eventflow_capture;
revoke execute on function stats.link_entries(integer), stats.replay_dead_letters(integer, interval, interval) from public;
grant execute on function stats.link_entries(integer), stats.replay_dead_letters(integer, interval, interval) to eventflow_pipeline;
alter function stats.link_entries(integer) owner to eventflow_capture;
alter function stats.replay_dead_letters(integer, interval, interval) owner to eventflow_capture;
revoke create on schema stats from eventflow_capture;
