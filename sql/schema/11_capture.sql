-- Capture. The entry points of capture (S4, S5): capture_visit and capture_entry store one event as one fact, once.
-- Whatever is missing or malformed, the fact is stored with what there is (C2); what its table refuses until another row is
-- there goes whole to stats.dead_letter, and what no other row could help is refused. They never raise: the answer is
-- always one JSON object.
--   {"accepted": true,  "status": "stored" | "duplicate" | "dead_letter", "event_id": ..., ...}
--   {"accepted": false, "status": "refused", "reason": ...}   it can be no fact, and repeating it changes nothing
--   {"accepted": false, "reason": ...}   nothing was kept, and one line in the server's log says so (F1)
-- They run as eventflow_capture_owner, whom nobody logs in as; who captures (eventflow_capture) may call three functions and
-- see no row. An event's id is its fact's id, so a repeat is absorbed by the primary key.
set local search_path = pg_catalog, pg_temp;

-- Dimensions through the views that see past row-level security; a fact is stored without them as well (C2).
grant select on stats.campaigns, stats.webinars, stats.clients, stats.links to eventflow_capture_owner;
grant insert on public.event_access_logs, public.event_survey_entries to eventflow_capture_owner;
grant select (id, campaign_id, session_id, entry_id, accessed_at), update (entry_id, converted_at)
    on public.event_access_logs to eventflow_capture_owner;
grant select (id, campaign_id, phone_norm, created_at) on public.event_survey_entries to eventflow_capture_owner;

-- Policies on the two fact tables are an application change (P5): docs/decisions/0015. They are for this role alone;
-- row-level security stays as it is for everybody else.
drop policy if exists eventflow_capture_insert on public.event_access_logs;
drop policy if exists eventflow_capture_select on public.event_access_logs;
drop policy if exists eventflow_capture_link on public.event_access_logs;
drop policy if exists eventflow_capture_insert on public.event_survey_entries;
drop policy if exists eventflow_capture_select on public.event_survey_entries;
create policy eventflow_capture_insert on public.event_access_logs for insert to eventflow_capture_owner with check (true);
create policy eventflow_capture_select on public.event_access_logs for select to eventflow_capture_owner using (true);
create policy eventflow_capture_link on public.event_access_logs for update to eventflow_capture_owner using (true);
create policy eventflow_capture_insert on public.event_survey_entries for insert to eventflow_capture_owner with check (true);
create policy eventflow_capture_select on public.event_survey_entries for select to eventflow_capture_owner using (true);

create or replace function stats.capture_raw(p_value jsonb) returns text
language sql immutable parallel safe
return case when jsonb_typeof(p_value) in ('string', 'number') then p_value #>> '{}' end;
comment on function stats.capture_raw(jsonb) is 'Text or number of a payload as it came; else NULL.';

create or replace function stats.capture_text(p_value jsonb) returns text
language sql immutable parallel safe
return stats.normalize_session(stats.capture_raw(p_value));
comment on function stats.capture_text(jsonb) is 'N1: text or number of a payload, normalized like a session id; else NULL.';

create or replace function stats.unquoted(value text) returns text
language sql immutable parallel safe set search_path = pg_catalog, pg_temp
return (
    select string_agg(
        case when part.text ~* '^%[0-7]|^%..%' and part.text <> '%00' then convert_from(decode(replace(part.text, '%', ''), 'hex'), 'UTF8')
             when part.text ~* '^%..' then U&'\FFFD'
             else replace(part.text, '+', ' ') end, '' order by m.position)
    from regexp_matches(
        value,
        '%[0-7][0-9a-f]'
        '|%(?:c[2-9a-f]|d[0-9a-f])%[89ab][0-9a-f]'
        '|%(?:e0%[ab][0-9a-f]|e[1-9abcef]%[89ab][0-9a-f]|ed%[89][0-9a-f])%[89ab][0-9a-f]'
        '|%(?:f0%[9ab][0-9a-f]|f[1-3]%[89ab][0-9a-f]|f4%8[0-9a-f])%[89ab][0-9a-f]%[89ab][0-9a-f]'
        '|%[0-9a-f]{2}|%|[^%]+', 'gi') with ordinality as m (groups, position)
    cross join lateral (select m.groups[1] as text) part);
comment on function stats.unquoted(text) is
    'Percent-decoded once, + read as a blank, as a link is; bytes that are no UTF-8 read as U+FFFD.';

-- The patterns of eventflow_pipeline/domain/personal_data.py, which a test holds equal to these.
create or replace function stats.personal_kind(value text) returns text
language plpgsql immutable strict parallel safe set search_path = pg_catalog, pg_temp
as $$
declare
    seen text := left(value, 256);
    folded text collate "C";
    decoded text;
begin
    for decoding in 1..3 loop
        folded := case when octet_length(seen) = char_length(seen) then seen
                       else translate(left(normalize(seen, nfkc), 256), U&'\00AD\200B\200C\200D\2060\FEFF', '') end;
        if folded ~* '[^\s@](?:@|%40|\s?[(\[]at[)\]]\s?)[^\s@]' then
            return 'email';
        elsif folded ~* '(?<!\d)01[016789][\s._/\u2010-\u2015\u2212-]?\d{3,4}[\s._/\u2010-\u2015\u2212-]?\d{4}(?!\d)'
                '|(?<![\da-z])\+\d[\s\d().-]{6,16}\d(?![\da-z])'
                '|(?<![\da-z])82[\s.-]?10[\s.-]?\d{3,4}[\s.-]?\d{4}(?![\da-z])'
                '|(?<![\da-z])\(?0\d{1,2}\)?[\s.-]?\d{3,4}[\s.-]?\d{4}(?![\da-z])'
                '|(?<![\da-z])\(?\d{2,3}\)?[\s.-]\d{3,4}[\s.-]\d{4}(?![\da-z])'
                '|(?<![\w+.-])(?:(?:\+?82[-. ]?|0)1[016789][-. ]?\d{3,4}[-. ]?\d{4}'
                '|0\d{1,2}[-. ]\d{3,4}[-. ]\d{4}'
                '|\+\d{1,3}[-. ]?\(?\d{1,4}\)?(?:[-. ]?\d{2,4}){2,3})(?![\w-])' then
            return 'phone';
        elsif folded ~* '(?:^|[^a-z])(?:(?:first|last|full|user|sur|given|family|real|nick)[\s_-]?)?name\s{0,8}[=:]'
                '|(?:이름|성명|성함)\s{0,8}[=:]'
                '|[{%\[<*|][\sa-z_.-]{0,40}(?:name|e-?mail|phone|tel|mobile)\s{0,8}[}%\]>*|]' then
            return 'name';
        end if;
        exit when seen !~ '[%+]';
        decoded := stats.unquoted(seen);
        exit when decoded = seen;
        seen := decoded;
    end loop;
    return null;
end
$$;
comment on function stats.personal_kind(text) is
    'S7: email, phone or name when the text looks like one, decoded as often as a link may encode it; else NULL.';

create or replace function stats.capture_plain(p_value jsonb) returns text
language sql immutable parallel safe
return case when stats.personal_kind(stats.capture_raw(p_value)) is null then stats.capture_raw(p_value) end;
comment on function stats.capture_plain(jsonb) is 'Text of a payload as it came; NULL where it looks personal (S7).';

create or replace function stats.capture_utm(p_value jsonb) returns text
language sql immutable parallel safe
return stats.normalize_utm(stats.capture_plain(p_value));
comment on function stats.capture_utm(jsonb) is 'A UTM value (N1); NULL where it looks personal (S7).';

create or replace function stats.capture_cid(p_value jsonb) returns text
language sql immutable parallel safe
return case when stats.normalize_cid(stats.capture_plain(p_value)) = '(too long)'
            -- Kept long enough to match nothing, and no longer.
            then left(stats.normalize_text(stats.capture_plain(p_value)), 200) || E'\u2026'
            else stats.normalize_cid(stats.capture_plain(p_value)) end;
comment on function stats.capture_cid(jsonb) is 'A cid (N1); NULL where it looks personal (S7).';

create or replace function stats.capture_uuid(p_value jsonb) returns uuid
language sql immutable parallel safe
return case when btrim(p_value #>> '{}') ~* '^\{?[0-9a-f]{8}-?([0-9a-f]{4}-?){3}[0-9a-f]{12}\}?$'
            then translate(btrim(p_value #>> '{}'), '-{}', '')::uuid end;
comment on function stats.capture_uuid(jsonb) is 'A UUID of a payload; NULL when it is none.';

create or replace function stats.capture_event_id(p_value jsonb, p_target uuid) returns uuid
language sql volatile
return coalesce(stats.capture_uuid(p_value), md5(coalesce(p_target::text, '') || ':' || stats.capture_text(p_value))::uuid, gen_random_uuid());
comment on function stats.capture_event_id(jsonb, uuid) is
    'The event''s id: a UUID as it is, other text by its MD5 within its campaign or webinar, a fresh one for nothing.';

create or replace function stats.capture_instant(p_value jsonb) returns timestamptz
language plpgsql stable set search_path = pg_catalog, pg_temp
set timezone = 'UTC' set datestyle = 'ISO, YMD'
as $$
declare
    spelled text := btrim(p_value #>> '{}');
    seconds double precision;
begin
    -- Without an offset a text names no instant: what it meant would hang on who connects.
    if jsonb_typeof(p_value) not in ('number', 'string') then
        return null;
    elsif spelled ~ '^\d{4}-\d\d-\d\d[Tt ]([01]\d|2[0-3]):[0-5]\d(:[0-5]\d(\.\d{1,9})?)?([Zz]|[+-](0\d|1[0-4])(:?[0-5]\d)?)$' then
        return spelled::timestamptz;
    elsif spelled ~ '^\d{1,13}(\.\d+)?$' then
        seconds := spelled::double precision;
        -- Seconds reach this far in the year 5138: it is milliseconds, as JavaScript's Date.now() gives.
        return to_timestamp(case when seconds >= 1e11 then seconds / 1000 else seconds end);
    end if;
    return null;
exception when others then
    return null;
end
$$;
comment on function stats.capture_instant(jsonb) is
    'Instant of a payload: ISO 8601 with its offset, or seconds or milliseconds since 1970 (UTC); NULL for anything else.';

create or replace function stats.capture_time(p_value jsonb, p_received timestamptz) returns timestamptz
language sql stable
return case when stats.capture_instant(p_value) between p_received - interval '30 days' and p_received + interval '5 minutes'
            then stats.capture_instant(p_value) end;
comment on function stats.capture_time(jsonb, timestamptz) is
    'A time of a payload; NULL when it is none or no clock near p_received: more than 30 days before or 5 minutes after.';

create or replace function stats.capture_ignored(p_fact text, p_event jsonb, p_received timestamptz) returns jsonb
language sql stable
return (
    select jsonb_build_object('ignored', jsonb_agg(time.field order by time.field))
    from (values ('completed_at', stats.capture_time(p_event -> 'completed_at', p_received)),
                 ('occurred_at', stats.capture_time(p_event -> 'occurred_at', p_received)),
                 ('utm_first_visit_at', stats.capture_instant(p_event -> 'utm_first_visit_at'))) as time (field, instant)
    where (p_fact = 'entry' or time.field = 'occurred_at')
      and time.instant is null
      and (stats.capture_text(p_event -> time.field) is not null
           or jsonb_typeof(p_event -> time.field) in ('boolean', 'object', 'array'))
    having count(*) > 0);
comment on function stats.capture_ignored(text, jsonb, timestamptz) is
    'What an answer says of times that were supplied and count as not supplied: {"ignored": [names]}; NULL without any.';

create or replace function stats.capture_origin(p_value jsonb) returns text
language sql immutable parallel safe
return (select lower(m[1]) || left(lower(m[2]), 253)
        from regexp_match(left(p_value #>> '{}', 2000), '^([A-Za-z][A-Za-z0-9+.-]*://)(?:[^/?#@]*@)?([^/?#:@]+)(?::\d*)?(?:[/?#]|$)') m
        where stats.personal_kind(left(m[2], 253)) is null);
comment on function stats.capture_origin(jsonb) is 'Of a referrer only scheme and host (S7); NULL where the host looks personal.';

create or replace function stats.capture_session(p_event jsonb) returns text
language sql immutable parallel safe
return case coalesce(stats.personal_kind(stats.capture_raw(p_event -> 'session_id')), 'name')
           when 'name' then stats.capture_text(p_event -> 'session_id')
           when 'phone' then case when btrim(stats.capture_raw(p_event -> 'session_id')) !~ '^[0-9 +().-]{9,24}$'
                                  then stats.capture_text(p_event -> 'session_id') end end;
comment on function stats.capture_session(jsonb) is
    'Session of an event (N1); an e-mail address is none, nor is what is a phone number as a whole (S7).';

create or replace function stats.capture_surface(p_event jsonb) returns text
language sql immutable parallel safe
return left(substring(stats.normalize_text(stats.capture_plain(p_event -> 'surface')) from '^[^?#;]+'), 200);
comment on function stats.capture_surface(jsonb) is 'Page or route of an event, without query and fragment.';

create or replace function stats.capture_touch(p_value jsonb) returns jsonb
language sql immutable parallel safe
return case when jsonb_typeof(p_value) = 'object' then nullif(jsonb_strip_nulls(jsonb_build_object(
    'at', case when jsonb_typeof(p_value -> 'at') = 'number' then p_value -> 'at' end,
    'utm_source', stats.capture_utm(p_value -> 'utm_source'),
    'utm_medium', stats.capture_utm(p_value -> 'utm_medium'),
    'utm_campaign', stats.capture_utm(p_value -> 'utm_campaign'),
    'utm_term', stats.capture_utm(p_value -> 'utm_term'),
    'utm_content', stats.capture_utm(p_value -> 'utm_content'),
    'cid', stats.capture_cid(p_value -> 'cid'),
    'link_id', stats.capture_uuid(p_value -> 'link_id'),
    'referrer', stats.capture_origin(p_value -> 'referrer'))), '{}') end;
comment on function stats.capture_touch(jsonb) is 'A touch of a payload, its known fields only.';

create or replace function stats.capture_attribution(p_event jsonb) returns jsonb
language sql immutable parallel safe
return jsonb_build_object(
    'utm_source', stats.capture_utm(p_event -> 'utm_source'),
    'utm_medium', stats.capture_utm(p_event -> 'utm_medium'),
    'utm_campaign', stats.capture_utm(p_event -> 'utm_campaign'),
    'utm_term', stats.capture_utm(p_event -> 'utm_term'),
    'utm_content', stats.capture_utm(p_event -> 'utm_content'),
    'marketing_campaign_link_id',
        coalesce(stats.capture_uuid(p_event -> 'link_id'), stats.capture_uuid(p_event -> 'marketing_campaign_link_id')));
comment on function stats.capture_attribution(jsonb) is 'UTM and link id of an event, as both facts name them.';

create or replace function stats.capture_visit_row(p_event jsonb, p_id uuid, p_received timestamptz) returns jsonb
language sql stable
return jsonb_strip_nulls(stats.capture_attribution(p_event) || jsonb_build_object(
    'id', p_id,
    'campaign_id', stats.capture_uuid(p_event -> 'campaign_id'),
    -- The campaign wins if both are given (source contract).
    'webinar_id', case when stats.capture_uuid(p_event -> 'campaign_id') is null then stats.capture_uuid(p_event -> 'webinar_id') end,
    -- NOT NULL in the table; blank counts as sessionless (M2), which is what it is.
    'session_id', coalesce(stats.capture_session(p_event), ''),
    'cid', stats.capture_cid(p_event -> 'cid'),
    'referrer', stats.capture_origin(p_event -> 'referrer'),
    -- Summarized by the caller, such as chrome/mobile; a raw one is hashed (S7).
    'user_agent', case when stats.capture_text(p_event -> 'user_agent') ~ '^[a-z]{1,20}(/[a-z]{1,20})?$'
                       then stats.capture_text(p_event -> 'user_agent')
                       else 'md5:' || md5(p_event ->> 'user_agent') end,
    'accessed_at', coalesce(stats.capture_time(p_event -> 'occurred_at', p_received), p_received)));
comment on function stats.capture_visit_row(jsonb, uuid, timestamptz) is 'Row of event_access_logs for an event, as far as it is well-formed.';

create or replace function stats.capture_entry_row(p_event jsonb, p_id uuid, p_received timestamptz) returns jsonb
language plpgsql stable set search_path = pg_catalog, pg_temp
as $$
declare
    campaign uuid := stats.capture_uuid(p_event -> 'campaign_id');
    cid text := stats.capture_cid(coalesce(
        case when stats.capture_text(p_event -> 'cid') is not null then p_event -> 'cid' end, p_event #> '{registration_data,cid}'));
    form jsonb := nullif(p_event -> 'registration_data', 'null');
    client uuid;
    agency uuid;
begin
    begin
        select c.client_id, owner.agency_id into client, agency
        from stats.campaigns c left join stats.clients owner on owner.id = c.client_id
        where c.id = campaign;
    exception when others then
        null;  -- a missing or broken dimension never breaks a fact (C2)
    end;
    if cid is not null then
        form := case jsonb_typeof(form) when 'object' then form else jsonb_strip_nulls(jsonb_build_object('data', form)) end
            || jsonb_build_object('cid', cid);
    end if;
    return jsonb_strip_nulls(stats.capture_attribution(p_event) || jsonb_build_object(
        'id', p_id,
        'campaign_id', campaign,
        'client_id', coalesce(client, stats.capture_uuid(p_event -> 'client_id')),
        'agency_id', coalesce(agency, stats.capture_uuid(p_event -> 'agency_id')),
        'session_id', stats.capture_session(p_event),
        'name', case when jsonb_typeof(p_event -> 'name') in ('string', 'number') then p_event ->> 'name' end,
        'company', case when jsonb_typeof(p_event -> 'company') in ('string', 'number') then p_event ->> 'company' end,
        'phone_norm', stats.capture_text(p_event -> 'phone_norm'),
        'code6', stats.capture_text(p_event -> 'code6'),
        'survey_no', case when p_event ->> 'survey_no' ~ '^-?[0-9]{1,9}$' then (p_event ->> 'survey_no')::integer end,
        'completed_at', coalesce(stats.capture_time(p_event -> 'completed_at', p_received), stats.capture_time(p_event -> 'occurred_at', p_received), p_received),
        'created_at', coalesce(stats.capture_time(p_event -> 'occurred_at', p_received), p_received),
        'utm_first_visit_at', stats.capture_instant(p_event -> 'utm_first_visit_at'),
        'utm_referrer', stats.capture_origin(p_event -> 'utm_referrer')))
        -- Kept as the form sent them, nulls inside included.
        || case when form is null then '{}' else jsonb_build_object('registration_data', form) end
        || case when nullif(p_event -> 'consent_data', 'null') is null then '{}' else jsonb_build_object('consent_data', p_event -> 'consent_data') end;
end
$$;
comment on function stats.capture_entry_row(jsonb, uuid, timestamptz) is
    'Row of event_survey_entries for an event, as far as it is well-formed; client and agency are the campaign''s where it exists.';

create or replace function stats.capture_insert(p_table text, p_row jsonb) returns boolean
language plpgsql set search_path = pg_catalog, pg_temp
as $$
declare
    columns text;
    stored integer;
begin
    -- The columns this deployment has, now: late additions (cid, webinar_id, session_id) may be missing.
    select string_agg(quote_ident(a.attname), ', ') into columns
    from pg_catalog.pg_attribute a
    where a.attrelid = format('public.%I', p_table)::regclass and a.attnum > 0 and not a.attisdropped and p_row ? a.attname;
    -- A deferred constraint must refuse the row here, not at the caller's commit.
    set constraints all immediate;
    execute format('insert into public.%1$I (%2$s) select %2$s from jsonb_populate_record(null::public.%1$I, $1) on conflict do nothing', p_table, columns)
        using p_row;
    get diagnostics stored = row_count;
    return stored > 0;
end
$$;
comment on function stats.capture_insert(text, jsonb) is 'Inserts a row into a fact table; false when it is there already (by id, or the person in the campaign).';

create or replace function stats.capture_never(p_fact text, p_event jsonb) returns text
language sql immutable parallel safe
return case
    when jsonb_typeof(p_event) is distinct from 'object' then 'the event is no JSON object'
    when stats.capture_uuid(p_event -> 'campaign_id') is not null then null
    when p_fact = 'entry' then 'it names no campaign'
    when stats.capture_uuid(p_event -> 'webinar_id') is null then 'it names no campaign and no webinar' end;
comment on function stats.capture_never(text, jsonb) is
    'Why an event can never be a fact, whatever rows there may be one day; NULL when it may be one.';

create or replace function stats.capture_is_final(p_state text, p_constraint text, p_column text) returns boolean
language sql immutable parallel safe
return p_state like '22%' or p_state = '23505' or (p_state = '23514' and p_constraint <> '')
    -- What the event itself should have said; client and agency come with the campaign's row.
    or (p_state = '23502' and p_column in (
        'name', 'company', 'phone_norm', 'code6', 'survey_no', 'registration_data', 'consent_data', 'utm_source',
        'utm_medium', 'utm_campaign', 'cid', 'referrer', 'user_agent'));
comment on function stats.capture_is_final(text, text, text) is
    'Whether a table''s refusal (SQLSTATE, constraint, column) is about the event''s own values, which no other row can mend.';

create or replace function stats.capture_client(p_fact text, p_row jsonb) returns uuid
language plpgsql stable set search_path = pg_catalog, pg_temp
as $$
declare
    campaign uuid := (p_row ->> 'campaign_id')::uuid;
begin
    if p_fact = 'entry' then
        return (select c.id from stats.clients c where c.id = (p_row ->> 'client_id')::uuid);
    elsif campaign is not null then
        return (select c.client_id from stats.campaigns c where c.id = campaign);
    end if;
    return (select w.client_id from stats.webinars w where w.id = (p_row ->> 'webinar_id')::uuid);
exception when others then
    return null;  -- a missing or broken dimension never breaks a fact (C2)
end
$$;
comment on function stats.capture_client(text, jsonb) is 'In whose share a refused row is kept: its client (E2), or NULL, the unknown one''s.';

create or replace function stats.refused_columns(p_table text, p_constraint text, p_column text) returns text[]
language sql stable set search_path = pg_catalog, pg_temp
as $$
    select coalesce((select array_agg(a.attname::text order by a.attnum)
                     from pg_catalog.pg_constraint c
                     join pg_catalog.pg_attribute a on a.attrelid = c.conrelid and a.attnum = any (c.conkey)
                     where c.conname = p_constraint and c.conrelid = to_regclass('public.' || quote_ident(p_table))),
                    array_remove(array[nullif(p_column, '')], null))
$$;
comment on function stats.refused_columns(text, text, text) is 'Columns of the constraint that refused a row, or the one it names.';

create or replace function stats.letter_pause(p_attempts integer) returns interval
language sql immutable parallel safe
return least(interval '5 minutes' * 2 ^ least(greatest(p_attempts, 1) - 1, 10), interval '6 hours');
comment on function stats.letter_pause(integer) is 'How long a dead letter waits after so many attempts: 5 minutes, doubled each time, at most 6 hours.';

create or replace function stats.letter_next_try(p_attempts integer) returns timestamptz
language sql stable
-- On a grid of that width: letters of one step are due together, and one run tries them all. Half a pause at the least.
return date_bin(stats.letter_pause(p_attempts), now() + stats.letter_pause(p_attempts) * 1.5, timestamptz '2000-01-01 00:00Z');
comment on function stats.letter_next_try(integer) is 'When a dead letter is due again after so many attempts.';

create or replace function stats.letter_share_is_full(p_client uuid, p_bytes integer) returns boolean
language plpgsql stable set search_path = pg_catalog, pg_temp
as $$
declare
    kept bigint;
    bytes bigint;
begin
    if p_client is null then
        select count(*), coalesce(sum(d.payload_bytes), 0) into kept, bytes from stats.dead_letter d
        where d.client_id is null and d.replayed_at is null and d.expired_at is null and d.discarded_at is null;
    else
        select count(*), coalesce(sum(d.payload_bytes), 0) into kept, bytes from stats.dead_letter d
        where d.client_id = p_client and d.replayed_at is null and d.expired_at is null and d.discarded_at is null;
    end if;
    return (select kept >= s.letter_rows or bytes + p_bytes > s.letter_bytes from stats.capture_setting s);
end
$$;
comment on function stats.letter_share_is_full(uuid, integer) is
    'Whether a client''s share of dead letters (NULL: that of the unknown client) has no room for one more of so many bytes.';

create or replace function stats.capture_dead_letter(
    p_fact text, p_id uuid, p_client uuid, p_event jsonb, p_received timestamptz, p_reason text, p_columns text[]
) returns jsonb
language plpgsql set search_path = pg_catalog, pg_temp
as $$
declare
    payload jsonb := p_event || jsonb_build_object('event_id', p_id);
begin
    if not exists (
        select from stats.dead_letter d
        where d.fact = p_fact and d.event_id = p_id and d.replayed_at is null and d.expired_at is null and d.discarded_at is null
    ) and stats.letter_share_is_full(p_client, octet_length(payload::text)) then
        return jsonb_build_object('accepted', false, 'event_id', p_id, 'reason', 'too many events of its client wait already');
    end if;
    insert into stats.dead_letter as kept (
        fact, event_id, client_id, reason, refused_columns, payload, received_at, next_try_at)
    values (p_fact, p_id, p_client, p_reason, p_columns, payload, p_received, stats.letter_next_try(1))
    -- One that waits keeps its turn, however often it is sent; one that had ended begins anew.
    on conflict (fact, event_id) do update
        set reason = excluded.reason, refused_columns = excluded.refused_columns, client_id = excluded.client_id,
            failed_at = now(), payload = coalesce(kept.payload, excluded.payload),
            attempts = case when kept.payload is null then 1 else kept.attempts end,
            next_try_at = case when kept.payload is null then excluded.next_try_at else kept.next_try_at end,
            replayed_at = null, expired_at = null, discarded_at = null, discarded_by = null, discarded_because = null;
    return jsonb_build_object('accepted', true, 'status', 'dead_letter', 'event_id', p_id, 'reason', p_reason);
exception when others then
    return jsonb_build_object('accepted', false, 'event_id', p_id, 'reason', 'storing failed: ' || sqlstate);
end
$$;
comment on function stats.capture_dead_letter(text, uuid, uuid, jsonb, timestamptz, text, text[]) is
    'Keeps a refused event whole, within its client''s share; where it has no room, or that fails, answers accepted false.';

create or replace function stats.capture_without_link(p_event jsonb) returns jsonb
language sql immutable parallel safe
return p_event - 'link_id' - 'marketing_campaign_link_id' || jsonb_build_object(
    'missing_link_id', coalesce(p_event -> 'link_id', p_event -> 'marketing_campaign_link_id'));
comment on function stats.capture_without_link(jsonb) is 'An event without its link, whose id is kept beside the fact.';

create or replace function stats.capture_fact(p_fact text, p_event jsonb, p_received timestamptz default now()) returns jsonb
language plpgsql set search_path = pg_catalog, pg_temp
as $$
declare
    never constant text := stats.capture_never(p_fact, p_event);
    event jsonb := case when jsonb_typeof(p_event) = 'object' then p_event else '{}' end;
    identifier uuid := stats.capture_event_id(
        event -> 'event_id', coalesce(stats.capture_uuid(event -> 'campaign_id'), stats.capture_uuid(event -> 'webinar_id')));
    fact_row jsonb;
    told jsonb := '{}';
    existing uuid;
    answer jsonb;
    state text;
    refusal text;
    refused_constraint text;
    refused_column text;
    refused_table text;
    refused_columns text[];
begin
    if never is not null then
        raise log '%', jsonb_build_object('event', 'capture_refused', 'fact', p_fact, 'reason', never, 'event_id', identifier);
        return jsonb_build_object('accepted', false, 'status', 'refused', 'event_id', identifier, 'reason', never);
    end if;
    begin
        told := coalesce(stats.capture_ignored(p_fact, event, p_received), '{}');
        if p_fact = 'visit' then
            fact_row := stats.capture_visit_row(event, identifier, p_received);
            if not stats.capture_insert('event_access_logs', fact_row) then
                return jsonb_build_object('accepted', true, 'status', 'duplicate', 'duplicate_of', 'event', 'event_id', identifier, 'fact_id', identifier) || told;
            end if;
        else
            fact_row := stats.capture_entry_row(event, identifier, p_received);
            if not stats.capture_insert('event_survey_entries', fact_row) then
                select e.id into existing from public.event_survey_entries e where e.id = identifier;
                if found then
                    return jsonb_build_object('accepted', true, 'status', 'duplicate', 'duplicate_of', 'event', 'event_id', identifier, 'fact_id', identifier) || told;
                end if;
                select e.id into existing from public.event_survey_entries e
                where e.campaign_id = (fact_row ->> 'campaign_id')::uuid and e.phone_norm = fact_row ->> 'phone_norm';
                if found then
                    return jsonb_build_object('accepted', true, 'status', 'duplicate', 'duplicate_of', 'person', 'event_id', identifier, 'fact_id', existing) || told;
                end if;
                -- Not one person twice but two without a phone number: refused by the table, not absorbed by us.
                raise unique_violation using constraint = 'no phone number', table = 'event_survey_entries', column = 'phone_norm';
            end if;
        end if;
        begin
            if p_fact = 'entry' or event ?| array['surface', 'first_touch', 'missing_link_id'] then
                insert into stats.fact_surface (fact, fact_id, captured_at, surface, first_touch, session_id, missing_link_id)
                values (p_fact, identifier, p_received, stats.capture_surface(event),
                        stats.capture_touch(event -> 'first_touch'),
                        case when p_fact = 'entry' then fact_row ->> 'session_id' end,
                        stats.capture_uuid(event -> 'missing_link_id'))
                on conflict do nothing;
            end if;
        exception when others then
            -- What is kept beside a fact never costs the fact.
            raise log '%', jsonb_build_object('event', 'capture_surface_failed', 'reason', sqlstate, 'event_id', identifier);
        end;
        return jsonb_build_object('accepted', true, 'status', 'stored', 'event_id', identifier, 'fact_id', identifier) || told;
    exception when others then
        get stacked diagnostics refused_constraint = constraint_name, refused_column = column_name, refused_table = table_name;
        state := sqlstate;
        -- Never the message: it quotes values.
        refusal := concat_ws(' ', state, nullif(refused_table, ''), nullif(coalesce(nullif(refused_constraint, ''), refused_column), ''));
    end;
    if stats.capture_is_final(state, refused_constraint, refused_column) then
        raise log '%', jsonb_build_object('event', 'capture_refused', 'fact', p_fact, 'reason', refusal, 'event_id', identifier);
        return jsonb_build_object('accepted', false, 'status', 'refused', 'event_id', identifier, 'reason', refusal) || told;
    end if;
    refused_columns := stats.refused_columns(refused_table, refused_constraint, refused_column);
    answer := stats.capture_dead_letter(p_fact, identifier, stats.capture_client(p_fact, fact_row), event, p_received, refusal,
                                        refused_columns);
    if not (answer ->> 'accepted')::boolean then
        if refused_columns = array['marketing_campaign_link_id'] and fact_row ? 'marketing_campaign_link_id' then
            -- No room to wait for its link: the fact counts without it (C2).
            return stats.capture_fact(p_fact, stats.capture_without_link(event || jsonb_build_object('event_id', identifier)), p_received);
        end if;
        raise log '%', jsonb_build_object('event', 'capture_lost', 'fact', p_fact, 'reason', answer ->> 'reason', 'event_id', identifier);
    end if;
    return answer || told;
end
$$;
comment on function stats.capture_fact(text, jsonb, timestamptz) is
    'Stores an event as a fact (visit or entry), else as a dead letter, else refuses it, and never raises. p_received: when it came in, for the time of a fact that names none.';

create or replace function stats.capture_visit(p_event jsonb) returns jsonb
language sql volatile security definer set search_path = pg_catalog, pg_temp
set timezone = 'UTC' set datestyle = 'ISO, YMD'
as $$ select stats.capture_fact('visit', p_event) $$;
comment on function stats.capture_visit(jsonb) is 'public.capture_visit, as eventflow_capture_owner. [servers]';

create or replace function stats.capture_entry(p_event jsonb) returns jsonb
language sql volatile security definer set search_path = pg_catalog, pg_temp
set timezone = 'UTC' set datestyle = 'ISO, YMD'
as $$ select stats.capture_fact('entry', p_event) $$;
comment on function stats.capture_entry(jsonb) is 'public.capture_entry, as eventflow_capture_owner. [servers]';

create or replace function stats.capture_events(p_events jsonb) returns jsonb
language sql volatile security definer set search_path = pg_catalog, pg_temp
set timezone = 'UTC' set datestyle = 'ISO, YMD'
as $$
    select coalesce(jsonb_agg(stats.capture_fact(case item ->> 'fact' when 'entry' then 'entry' else 'visit' end, item -> 'event') order by position), '[]')
    from jsonb_array_elements(p_events) with ordinality as listed (item, position)
$$;
comment on function stats.capture_events(jsonb) is
    'Many events [{"fact": "visit" | "entry", "event": {...}}] in one transaction; the answers in the same order.';

select stats.set_aside('public.capture_visit(jsonb)'), stats.set_aside('public.capture_entry(jsonb)');

create or replace function public.capture_visit(p_event jsonb) returns jsonb
language sql volatile set search_path = pg_catalog, pg_temp
set timezone = 'UTC' set datestyle = 'ISO, YMD'
as $$ select stats.capture_visit(p_event) $$;
comment on function public.capture_visit(jsonb) is
    'eventflow_pipeline: stores a visit (S4) once per event_id; answers {"accepted", "status": stored | duplicate | dead_letter | refused, "event_id", "fact_id", "reason"} and never raises. Fields: event_id, campaign_id or webinar_id, session_id, utm_*, cid, link_id, referrer, user_agent, occurred_at (ISO 8601 with its offset, or seconds or milliseconds since 1970; a time that is none, or 30 days before or 5 minutes after now, counts as not supplied and is named in "ignored"), surface, first_touch. [servers]';

create or replace function public.capture_entry(p_event jsonb) returns jsonb
language sql volatile set search_path = pg_catalog, pg_temp
set timezone = 'UTC' set datestyle = 'ISO, YMD'
as $$ select stats.capture_entry(p_event) $$;
comment on function public.capture_entry(jsonb) is
    'eventflow_pipeline: stores a registration (S5) once per event_id and once per campaign and phone_norm (then status duplicate, duplicate_of person); answers as capture_visit and never raises. Fields: those of a visit, and name, company, phone_norm, code6, survey_no, consent_data, registration_data, completed_at, client_id. Its visits are linked later (stats.link_entries). [servers]';

-- What happens after capture, on a schedule: entries find their visits, dead letters become facts when they can.
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

create or replace function stats.replay_dead_letters(
    p_limit integer, p_link_grace interval, p_retention interval, p_due_only boolean, p_events uuid[] default null
)
returns table (replayed integer, refused integer, expired integer)
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp
as $$
declare
    letter record;
    answer jsonb;
begin
    replayed := 0;
    refused := 0;
    -- Never less than a day: whoever may call this may not throw away what has just come.
    update stats.dead_letter d set payload = null, expired_at = now()
    where d.payload is not null and d.received_at < now() - greatest(p_retention, interval '1 day');
    get diagnostics expired = row_count;
    for letter in
        select d.fact, d.event_id, d.payload, d.received_at, d.refused_columns, d.attempts
        from stats.dead_letter d
        where d.replayed_at is null and d.expired_at is null and d.discarded_at is null
          and (not p_due_only or d.next_try_at <= now())
          and (p_events is null or d.event_id = any (p_events))
        order by d.failed_at
        limit p_limit
        for update skip locked
    loop
        answer := stats.capture_fact(letter.fact, letter.payload, letter.received_at);
        if 'marketing_campaign_link_id' = any (letter.refused_columns) and letter.received_at < now() - p_link_grace
           and answer ->> 'status' not in ('stored', 'duplicate') then
            -- The link is not just late but gone, as hard-deleted links are: the visit counts without it (C2).
            answer := stats.capture_fact(letter.fact, stats.capture_without_link(letter.payload), letter.received_at);
        end if;
        if answer ->> 'status' in ('stored', 'duplicate') then
            update stats.dead_letter d set payload = null, replayed_at = now()
            where d.fact = letter.fact and d.event_id = letter.event_id;
            replayed := replayed + 1;
        else
            update stats.dead_letter d
            set failed_at = now(), attempts = letter.attempts + 1, next_try_at = stats.letter_next_try(letter.attempts + 1)
            where d.fact = letter.fact and d.event_id = letter.event_id;
            refused := refused + 1;
        end if;
    end loop;
    return next;
end
$$;
comment on function stats.replay_dead_letters(integer, interval, interval, boolean, uuid[]) is
    'Tries dead letters again, least recently tried first: those that are due, or all, or those of p_events (NULL: of any event). A replayed one loses its payload, another waits longer (stats.letter_next_try). A link refused for longer than p_link_grace is left out (kept as fact_surface.missing_link_id); payloads older than p_retention, and than a day, are removed. Safe to repeat and to run twice at once.';

create or replace function stats.discard_dead_letters(p_events uuid[], p_reason text, p_author text) returns integer
language sql volatile security definer set search_path = pg_catalog, pg_temp
as $$
    with gone as (
        update stats.dead_letter d
        set payload = null, discarded_at = now(), discarded_by = p_author, discarded_because = p_reason
        where d.event_id = any (p_events) and d.replayed_at is null and d.expired_at is null and d.discarded_at is null
        returning 1
    )
    select count(*)::integer from gone
$$;
comment on function stats.discard_dead_letters(uuid[], text, text) is
    'Gives up dead letters of these events: their payload is removed, who did it and why stays. Returns how many there were.';

create or replace function stats.dead_letter_contents(p_event uuid)
returns table (fact text, campaign_id uuid, webinar_id uuid, link_id uuid, fields text[])
language sql stable security definer set search_path = pg_catalog, pg_temp
as $$
    -- Names of fields and ids of dimensions: nothing that a person wrote.
    select d.fact, stats.capture_uuid(d.payload -> 'campaign_id'), stats.capture_uuid(d.payload -> 'webinar_id'),
           coalesce(stats.capture_uuid(d.payload -> 'link_id'), stats.capture_uuid(d.payload -> 'marketing_campaign_link_id')),
           array(select key from jsonb_object_keys(d.payload) as key where key ~ '^[a-z][a-z_0-9]{0,40}$' order by key)
    from stats.dead_letter d
    where d.event_id = p_event and d.payload is not null
    order by d.fact
$$;
comment on function stats.dead_letter_contents(uuid) is
    'What a dead letter that waits is about: the ids it names and which fields it has, no value of a person.';

-- Where a short link leads: read by eventflow_capture_owner, which may not read campaigns themselves.
do $$
begin
    execute format('create or replace view stats.campaign_paths as select t.id, %s as public_path from public.event_survey_campaigns t',
                   stats.source_column('event_survey_campaigns', 'public_path', 'text'));
    perform stats.hand_view_over('campaign_paths', 'event_survey_campaigns');
end
$$;
comment on view stats.campaign_paths is 'Public path of each campaign, for short links.';

-- By what a cid is found (index 0014): spelled in plain ASCII its normal form is its upper case, any other spelling is one
-- of the few under the empty key. Built-in functions alone, in the index as here: whoever writes a link needs no right to
-- ours, and nothing ties EventFlow's table to the schema stats.
create or replace view stats.link_keys as
select t.id, case when t.cid collate "C" ~ '^[!-~]([ -~]{0,198}[!-~])?$' then upper(t.cid collate "C") when t.cid is not null then '' end as key
from public.campaign_link_meta t;
select stats.hand_view_over('link_keys', 'campaign_link_meta');
comment on view stats.link_keys is 'Key by which a link''s cid is looked up; the empty one is that of all whose cid is spelled beyond plain ASCII.';
grant select on stats.campaign_paths, stats.link_keys to eventflow_capture_owner;

create or replace function stats.link_target(p_key text, p_client_id uuid default null) returns jsonb
language sql stable security definer set search_path = pg_catalog, pg_temp
as $$
    -- By id, or by cid; a cid is unique within its client only, so one that several clients use leads nowhere alone.
    with asked as materialized (
        select stats.capture_uuid(to_jsonb(p_key)) as id, stats.normalize_cid(p_key) as cid
    ), candidate as (
        select a.id from asked a
        union
        select k.id from asked a join stats.link_keys k on k.key = a.cid
        union
        select k.id from stats.link_keys k where k.key = ''
    ), found as (
        select l.*, count(*) over () as candidates
        from asked a cross join candidate c join stats.links l on l.id = c.id
        where (l.id = a.id or l.cid = a.cid) and (p_client_id is null or l.client_id = p_client_id)
        limit 2
    )
    select jsonb_strip_nulls(jsonb_build_object(
        'link_id', f.id, 'cid', f.cid, 'utm_source', f.utm_source, 'utm_medium', f.utm_medium, 'utm_campaign', f.utm_campaign,
        'target_type', f.target_type,
        'target_id', case when f.target_type = 'webinar' then f.target_webinar_id else f.target_campaign_id end,
        'path', case when f.target_type = 'campaign' then p.public_path end))
    from found f left join stats.campaign_paths p on p.id = f.target_campaign_id
    where f.candidates = 1
$$;
comment on function stats.link_target(text, uuid) is
    'Link of any status by its id or cid, and where it leads; NULL when there is none or the cid is several clients''. For eventflow_capture.';

-- One person's traces in what capture keeps. The facts are gone by then: of a visit that is no more only its row here is
-- left, found by the time it was captured.
create or replace function stats.erase_captured(p_session text, p_entry uuid, p_first timestamptz, p_last timestamptz)
returns table (letters bigint, surfaces bigint)
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp
as $$
declare
    session constant text := stats.normalize_session(p_session);
begin
    with gone as (
        delete from stats.dead_letter d
        where d.event_id = p_entry
           or exists (
               select from jsonb_path_query(d.payload, 'strict $.**') as part (value)
               where jsonb_typeof(part.value) = 'string'
                 and (stats.normalize_session(part.value #>> '{}') = session or lower(part.value #>> '{}') = p_entry::text)
           )
        returning 1
    )
    select count(*) into letters from gone;
    with gone as (
        delete from stats.fact_surface s
        where stats.normalize_session(s.session_id) = session
           or s.fact_id = p_entry
           or (s.fact = 'visit' and s.captured_at >= p_first and s.captured_at < p_last
               and not exists (select from public.event_access_logs v where v.id = s.fact_id))
        returning 1
    )
    select count(*) into surfaces from gone;
    return next;
end
$$;
comment on function stats.erase_captured(text, uuid, timestamptz, timestamptz) is
    'Deletes what capture keeps of a session or an entry (NULL: none): dead letters that name it, pages and first touches, also of visits captured from p_first to before p_last whose fact is gone. Returns how many of each.';

create or replace function stats.prune_surfaces(p_retention interval) returns bigint
language sql volatile security definer set search_path = pg_catalog, pg_temp
as $$
    -- Never within the 31 days in which an entry may still find its visits, and streams are compared with themselves.
    with gone as (
        delete from stats.fact_surface s
        where s.captured_at < now() - greatest(p_retention, interval '31 days')
        returning 1
    )
    select count(*) from gone
$$;
comment on function stats.prune_surfaces(interval) is
    'Deletes pages and first touches captured longer ago than p_retention, and than 31 days; returns how many.';

-- The functions belong to the role they run as; to take them over it needs CREATE for a moment.
grant create on schema stats to eventflow_capture_owner;

do $$
declare
    owned text;
begin
    foreach owned in array array[
        'unquoted(text)', 'personal_kind(text)', 'capture_raw(jsonb)', 'capture_text(jsonb)', 'capture_utm(jsonb)',
        'capture_cid(jsonb)', 'capture_uuid(jsonb)',
        'capture_event_id(jsonb, uuid)',
        'capture_instant(jsonb)', 'capture_time(jsonb, timestamptz)', 'capture_ignored(text, jsonb, timestamptz)',
        'capture_origin(jsonb)', 'capture_plain(jsonb)', 'capture_session(jsonb)',
        'capture_surface(jsonb)', 'capture_touch(jsonb)', 'capture_attribution(jsonb)',
        'capture_visit_row(jsonb, uuid, timestamptz)', 'capture_entry_row(jsonb, uuid, timestamptz)',
        'capture_insert(text, jsonb)',
        'capture_never(text, jsonb)', 'capture_is_final(text, text, text)', 'capture_client(text, jsonb)',
        'capture_without_link(jsonb)', 'letter_pause(integer)', 'letter_next_try(integer)',
        'letter_share_is_full(uuid, integer)',
        'refused_columns(text, text, text)',
        'capture_dead_letter(text, uuid, uuid, jsonb, timestamptz, text, text[])',
        'capture_fact(text, jsonb, timestamptz)', 'capture_visit(jsonb)', 'capture_entry(jsonb)',
        'capture_events(jsonb)', 'link_entries(integer)',
        'replay_dead_letters(integer, interval, interval, boolean, uuid[])', 'discard_dead_letters(uuid[], text, text)',
        'dead_letter_contents(uuid)', 'link_target(text, uuid)',
        'erase_captured(text, uuid, timestamptz, timestamptz)', 'prune_surfaces(interval)'
    ] loop
        execute format('revoke execute on function stats.%s from public', owned);
        execute format('alter function stats.%s owner to eventflow_capture_owner', owned);
    end loop;
end
$$;
revoke create on schema stats from eventflow_capture_owner;
revoke execute on function public.capture_visit(jsonb), public.capture_entry(jsonb) from public;
grant execute on function stats.capture_events(jsonb), stats.link_target(text, uuid) to eventflow_capture;
grant execute on function stats.link_entries(integer), stats.replay_dead_letters(integer, interval, interval, boolean, uuid[]),
    stats.discard_dead_letters(uuid[], text, text), stats.dead_letter_contents(uuid),
    stats.erase_captured(text, uuid, timestamptz, timestamptz), stats.prune_surfaces(interval) to eventflow_pipeline;
grant execute on function stats.normalize_text(text), stats.normalize_session(text), stats.normalize_name(text),
    stats.normalize_utm(text), stats.normalize_cid(text), stats.personal_pattern(), stats.may_look_personal(text)
    to eventflow_capture_owner;
