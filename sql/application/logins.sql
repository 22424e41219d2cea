-- The roles people and processes log in as, one a purpose (`eventflow migrate --print-logins` prints this). Each is a member
-- of one role and of nothing else, so none can become the owner of a table or a function, or another of them. Run it after
-- `eventflow migrate` as who ran that; safe to repeat. None has a password yet, and none is in this file: give each its own,
-- in psql by `\password eventflow_pipeline_login`, which sends it hashed.
--   eventflow_pipeline_login  EVENTFLOW_DATABASE_URL of the daemon, its code and every command but those that change the schema
--   eventflow_capture_login   EVENTFLOW_DATABASE_URL of `eventflow capture serve`
--   eventflow_serve_login     a server that answers screens itself: SET ROLE authenticated and request.jwt.claims a transaction,
--                             as PostgREST's authenticator does, which is another such login
--   eventflow_bi_login        analysts and their tools: the numbers of all clients
-- EVENTFLOW_OWNER_URL, the owner, is for `eventflow migrate` and where a person sits.
do $$
declare
    wanted record;
begin
    for wanted in
        select l.name, l.member_of, l.inherits
        from (values
            ('eventflow_pipeline_login', 'eventflow_pipeline', 'noinherit'),
            ('eventflow_capture_login', 'eventflow_capture', 'noinherit'),
            ('eventflow_serve_login', 'authenticated', 'noinherit'),
            ('eventflow_bi_login', 'eventflow_bi', 'inherit')
        ) as l (name, member_of, inherits)
        join pg_catalog.pg_roles r on r.rolname = l.member_of -- authenticated is Supabase's
    loop
        if not exists (select from pg_catalog.pg_roles r where r.rolname = wanted.name) then
            execute format('create role %I login %s', wanted.name, wanted.inherits);
        end if;
        execute format('grant %I to %I', wanted.member_of, wanted.name);
    end loop;
end
$$;
