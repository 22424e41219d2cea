-- Functions with the very signature of one of ours (:signatures) that are not ours and cannot be set aside: what, which, and
-- whose it is or what uses it. What uses it would be dropped with it, or keep it from being dropped.
with in_the_way as (
    select wanted.signature, p.oid, p.proowner
    from unnest(cast(:signatures as text[])) as wanted (signature)
    join pg_catalog.pg_proc p on p.oid = to_regprocedure(wanted.signature)
    where coalesce(obj_description(p.oid, 'pg_proc'), '') not like 'eventflow_pipeline:%'
)
select 'function_owner' as what, f.signature as subject, pg_get_userbyid(f.proowner)::text as found
from in_the_way f
where not pg_has_role(f.proowner, 'usage')
union all
select 'function_used', f.signature, pg_describe_object(d.classid, d.objid, d.objsubid)
from in_the_way f
join pg_catalog.pg_depend d on d.refclassid = 'pg_proc'::regclass and d.refobjid = f.oid and d.deptype = 'n'
order by what, subject, found
