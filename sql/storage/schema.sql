-- What `migrate` asks of the database before it changes anything.

-- name: select_source_columns
-- Columns of EventFlow's tables as they are here: table_name, column_name, data_type (information_schema names).
select table_name, column_name, data_type
from information_schema.columns
where table_schema = 'public';

-- name: select_index_is_invalid
-- Whether an index of ours on a fact table (:index, its name) is what a failed CREATE INDEX CONCURRENTLY left behind: kept
-- up to date, used by nobody.
select not i.indisvalid
from pg_catalog.pg_index i
where i.indexrelid = to_regclass('public.' || quote_ident(:index));

-- name: select_in_the_way
-- Functions with the very signature of one of ours (:signatures) that are not ours and cannot be set aside: what, which, and
-- whose it is or what uses it. What uses it would be dropped with it, or keep it from being dropped.
with in_the_way as (
    select wanted.signature, p.oid, p.proowner
    from unnest(cast(:signatures as text[])) as wanted (signature)
    join pg_catalog.pg_proc p on p.oid = to_regprocedure(wanted.signature)
    -- A comment anybody can write on a function of their own: ours belongs to whom the schema does.
    where coalesce(obj_description(p.oid, 'pg_proc'), '') not like 'eventflow_pipeline:%'
       or p.proowner is distinct from (select n.nspowner from pg_catalog.pg_namespace n where n.nspname = 'stats')
)
select 'function_owner' as what, f.signature as subject, pg_get_userbyid(f.proowner)::text as found
from in_the_way f
where not pg_has_role(f.proowner, 'usage')
union all
select 'function_used', f.signature, pg_describe_object(d.classid, d.objid, d.objsubid)
from in_the_way f
join pg_catalog.pg_depend d on d.refclassid = 'pg_proc'::regclass and d.refobjid = f.oid and d.deptype = 'n'
order by what, subject, found;

-- name: select_source_tables
-- Names of EventFlow's tables (:tables) that exist, also those the caller may not read.
select c.relname::text
from pg_catalog.pg_class c
where c.relnamespace = 'public'::regnamespace and c.relname = any (cast(:tables as text[]));

-- name: select_unmet
-- What `migrate` needs in this database and does not find, most basic first: what, about which object, and what is found.
-- Parameters: tables (EventFlow's), roles (ours), taken_on (those of them that who migrates must be in). Looks into catalogs only: to_regclass and its like refuse those who may not
-- use the schema.
with me as (
    select r.oid, r.rolsuper, r.rolcreaterole, current_setting('server_version_num')::integer >= 160000 as since_16
    from pg_catalog.pg_roles r
    where r.rolname = current_user
),
source as (
    select c.relname::text as name, c.relkind, c.relowner, c.relforcerowsecurity, o.rolname::text as owner,
           o.rolsuper or o.rolbypassrls as sees_all
    from unnest(cast(:tables as text[])) as wanted (name)
    join pg_catalog.pg_class c on c.relname = wanted.name and c.relnamespace = 'public'::regnamespace
    join pg_catalog.pg_roles o on o.oid = c.relowner
)
select unmet.what, unmet.subject, unmet.found
from (
    select 1 as position, 'encoding' as what, current_database()::text as subject, getdatabaseencoding()::text as found
    where getdatabaseencoding() <> 'UTF8'
    union all
    select 1, 'collation', current_database(), ''
    where not exists (
        select from pg_catalog.pg_collation c
        where c.collnamespace = 'pg_catalog'::regnamespace and c.collname in ('pg_unicode_fast', 'und-x-icu')
    )
    union all
    select 2, 'schema_owner', n.nspname, pg_get_userbyid(n.nspowner)
    from pg_catalog.pg_namespace n
    where n.nspname in ('stats', 'stats_api') and not pg_has_role(n.nspowner, 'usage')
    union all
    -- Whoever owns a schema can drop what is in it and put something else there.
    select 2, 'schema_foreign', n.nspname, pg_get_userbyid(n.nspowner)
    from pg_catalog.pg_namespace n
    join pg_catalog.pg_roles o on o.oid = n.nspowner
    where n.nspname in ('stats', 'stats_api', 'stats_kept') and n.nspowner <> (select me.oid from me) and not o.rolsuper
      and n.nspowner not in (select s.relowner from source s)
    union all
    -- Ours says so from its first statement on; an empty one may become ours.
    select 3, 'schema_used', n.nspname, min(pg_describe_object(held.classid, held.objid, 0))
    from pg_catalog.pg_namespace n
    join pg_catalog.pg_depend held
        on held.refclassid = 'pg_namespace'::regclass and held.refobjid = n.oid and held.deptype = 'n'
    where n.nspname in ('stats', 'stats_api')
      and not exists (
          select from pg_catalog.pg_class c where c.relnamespace = n.oid and c.relname = 'schema_migration'
      )
      and coalesce(obj_description(n.oid, 'pg_namespace'), '') not like case n.nspname
          when 'stats' then 'Daily buckets of visits and conversions%' else 'Reads as JSON, each with how complete%' end
    group by n.nspname
    union all
    select 4, 'create_schema', current_database(), current_user
    where (to_regnamespace('stats') is null or to_regnamespace('stats_api') is null)
      and not has_database_privilege(current_database(), 'create')
    union all
    select 5, 'create_function', 'public', current_user
    where not has_schema_privilege('public', 'create')
    union all
    select 6, 'table_owner', s.name, s.owner
    from source s
    cross join me
    where not pg_has_role(s.relowner, 'usage')
       or not pg_has_role(s.relowner, case when me.since_16 then 'set' else 'member' end)
    union all
    -- These get an index without blocking writers, or a policy.
    select 7, 'table_kind', s.name, case s.relkind when 'p' then 'partitioned' when 'v' then 'a view' else 'no plain table' end
    from source s
    where s.relkind <> 'r' and s.name in ('event_access_logs', 'event_survey_entries', 'webinar_live_presence')
    union all
    select 8, 'hidden_rows', s.name, s.owner
    from source s
    where s.relforcerowsecurity and not s.sees_all
    union all
    select 9, 'role_missing', wanted.name, current_user
    from unnest(cast(:roles as text[])) as wanted (name)
    cross join me
    where not exists (select from pg_catalog.pg_roles r where r.rolname = wanted.name)
      and not (me.rolsuper or me.rolcreaterole)
    union all
    select 10, 'role_foreign', r.rolname, current_user
    from unnest(cast(:taken_on as text[])) as wanted (name)
    join pg_catalog.pg_roles r on r.rolname = wanted.name
    cross join me
    where not (pg_has_role(r.oid, 'usage') and pg_has_role(r.oid, case when me.since_16 then 'set' else 'member' end))
      and not pg_has_role(r.oid, 'member with admin option')
      and (me.since_16 or not me.rolcreaterole)
) unmet
order by unmet.position, unmet.subject, unmet.found;

-- name: select_definitions
-- Functions, views and policies that are ours or could be: classid, objid, name, type and identity (as DROP takes them), and
-- a version that is another one whenever the object was written.
-- Grain: one row per object.
select defined.classid, defined.objid, defined.name, named.type, named.identity, defined.version
from (
    select 'pg_proc'::regclass::oid as classid, p.oid as objid, p.proname::text as name,
           p.ctid::text || p.xmin::text as version
    from pg_catalog.pg_proc p
    join pg_catalog.pg_namespace n on n.oid = p.pronamespace
    where n.nspname in ('stats', 'stats_api') or (n.nspname = 'public' and obj_description(p.oid, 'pg_proc') like 'eventflow_pipeline:%')
    union all
    -- Replacing a view writes its rule.
    select 'pg_class'::regclass::oid, c.oid, c.relname::text, r.ctid::text || r.xmin::text
    from pg_catalog.pg_class c
    join pg_catalog.pg_namespace n on n.oid = c.relnamespace
    join pg_catalog.pg_rewrite r on r.ev_class = c.oid
    where n.nspname in ('stats', 'stats_api') and c.relkind = 'v'
    union all
    select 'pg_policy'::regclass::oid, p.oid, p.polname::text, p.ctid::text || p.xmin::text
    from pg_catalog.pg_policy p
    join pg_catalog.pg_class c on c.oid = p.polrelid
    join pg_catalog.pg_namespace n on n.oid = c.relnamespace
    where n.nspname in ('stats', 'public')
) defined
cross join lateral pg_identify_object(defined.classid, defined.objid, 0) named;

-- name: select_recorded_definitions
-- Those of select_definitions that an earlier migration made, with the file of sql/schema each came from.
-- Grain: one row per object.
with definition as (
    {include storage/schema/select_definitions}
)
select d.classid, d.objid, d.type, d.identity, s.file
from definition d
join stats.schema_object s on s.type = d.type and s.identity = d.identity
order by d.type, d.identity;

-- name: select_dependents
-- What uses the objects (:classes, :objects: their classid and objid, side by side), directly or through others, as it would
-- go with them: type, identity, description, and which of the objects it uses. Policies of our own tables are no user.
-- Grain: one row per user and object.
with recursive going as (
    select g.classid, g.objid from unnest(cast(:classes as oid[]), cast(:objects as oid[])) as g (classid, objid)
),
dependent as (
    select g.classid, g.objid, g.classid as used_class, g.objid as used_object
    from going g
    union
    select near.classid, near.objid, d.used_class, d.used_object
    from dependent d
    cross join lateral (
        select p.classid, p.objid
        from pg_catalog.pg_depend p
        where p.refclassid = d.classid and p.refobjid = d.objid
        union all
        -- A part of something, as the rule of a view is: the whole goes with it.
        select p.refclassid, p.refobjid
        from pg_catalog.pg_depend p
        where p.classid = d.classid and p.objid = d.objid and p.deptype = 'i'
    ) near
)
select distinct named.type, named.identity, pg_describe_object(d.classid, d.objid, 0) as description,
       pg_describe_object(d.used_class, d.used_object, 0) as used
from dependent d
cross join lateral pg_identify_object(d.classid, d.objid, 0) named
where d.classid not in ('pg_rewrite'::regclass, 'pg_type'::regclass)
  and (d.classid, d.objid) not in (select g.classid, g.objid from going g)
  and not exists (
      select from pg_catalog.pg_policy p
      join pg_catalog.pg_class c on c.oid = p.polrelid
      join pg_catalog.pg_namespace n on n.oid = c.relnamespace
      where d.classid = 'pg_policy'::regclass and p.oid = d.objid and n.nspname = 'stats'
  )
order by description, used;

-- name: select_oldest_user
-- The process whose transaction has held a table, view or index of ours the longest: pid and since when. None: nobody does.
select a.pid, date_trunc('second', a.xact_start) as since
from pg_catalog.pg_stat_activity a
join pg_catalog.pg_locks l on l.pid = a.pid
join pg_catalog.pg_class c on c.oid = l.relation
join pg_catalog.pg_namespace n on n.oid = c.relnamespace
where a.pid <> pg_backend_pid() and n.nspname = 'stats' and l.database = (select d.oid from pg_catalog.pg_database d where d.datname = current_database())
order by a.xact_start
limit 1;

-- name: select_unread_columns
-- Columns (:tables, :columns, side by side) that exist and that no view in stats reads, as table.column.
select wanted.table_name || '.' || wanted.column_name
from unnest(cast(:tables as text[]), cast(:columns as text[])) as wanted (table_name, column_name)
join pg_catalog.pg_class t on t.relname = wanted.table_name and t.relnamespace = 'public'::regnamespace
join pg_catalog.pg_attribute a on a.attrelid = t.oid and a.attname = wanted.column_name and a.attnum > 0 and not a.attisdropped
where not exists (
    select from pg_catalog.pg_depend d
    join pg_catalog.pg_rewrite r on r.oid = d.objid
    join pg_catalog.pg_class v on v.oid = r.ev_class
    join pg_catalog.pg_namespace n on n.oid = v.relnamespace
    where d.classid = 'pg_rewrite'::regclass and d.refclassid = 'pg_class'::regclass
      and d.refobjid = t.oid and d.refobjsubid = a.attnum and n.nspname = 'stats'
)
order by wanted.table_name, wanted.column_name;

-- name: select_missing_views
-- Names (:views) under which there is no view in stats.
select wanted.name
from unnest(cast(:views as text[])) as wanted (name)
where not exists (
    select from pg_catalog.pg_class c
    join pg_catalog.pg_namespace n on n.oid = c.relnamespace
    where n.nspname = 'stats' and c.relkind = 'v' and c.relname = wanted.name
)
order by wanted.name;

-- name: select_login
-- Who is logged in, and whether they could become the owner of a table, view or function of ours. The project's own server,
-- for development, has but one user and says so (eventflow_pipeline/dev/embedded.py).
select session_user::text as name,
       coalesce(current_setting('eventflow.embedded', true), '') <> 'on' and exists (
           select from (
               select c.relowner as owner
               from pg_catalog.pg_class c
               join pg_catalog.pg_namespace n on n.oid = c.relnamespace
               where n.nspname in ('stats', 'stats_api')
               union
               select p.proowner
               from pg_catalog.pg_proc p
               join pg_catalog.pg_namespace n on n.oid = p.pronamespace
               where n.nspname in ('stats', 'stats_api')
           ) of_ours
           where pg_has_role(session_user, of_ours.owner, 'member')
       ) as may_become_owner;
