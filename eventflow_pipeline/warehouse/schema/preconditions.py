"""What ``migrate`` needs of the database, checked before its first step: nothing is left half done."""

from collections.abc import Mapping

from sqlalchemy import Connection

from eventflow_pipeline.domain.source_contract import SOURCE_TABLES
from eventflow_pipeline.warehouse.db.sql import statement

#: The roles that ``migrate`` makes, and those of them that it must be able to step down to or hand functions over to.
ROLES = ("eventflow_pipeline", "eventflow_capture", "eventflow_capture_owner", "eventflow_bi")
TAKEN_ON = ROLES[:3]
#: Every function made outside ``stats``. One that is there already, under these very types, is set aside.
PUBLIC_FUNCTIONS = (
    "public.get_marketing_summary(uuid, date, date)",
    "public.get_link_stats(uuid, date, date)",
    "public.get_client_overview(uuid, date, date)",
    "public.get_marketing_summary(uuid, date, date, integer)",
    "public.get_link_stats(uuid, date, date, integer)",
    "public.get_client_overview(uuid, date, date, integer)",
    "public.get_campaign_visits_raw(uuid, date, date, timestamptz, uuid, integer)",
    "public.get_data_quality(uuid, date, date)",
    "public.webinar_presence_ping(uuid)",
    "public.get_webinar_stats(uuid, date, date, text)",
    "public.capture_visit(jsonb)",
    "public.capture_entry(jsonb)",
)
#: What is wrong and what to do about it, by ``what`` of the queries in sql/preconditions.
_SENTENCES: Mapping[str, str] = {
    "encoding": "the database {subject} is in {found}, in which text has no one Unicode form (N1): create it with UTF8",
    "collation": "the server has neither pg_unicode_fast nor und-x-icu, collations that map the case of Unicode text "
    "(N1): use Postgres 18 or later, or one built with ICU",
    "schema_owner": "the schema {subject} belongs to {found}: run `eventflow migrate` as {found}",
    "schema_foreign": "the schema {subject} belongs to {found}, who could replace whatever is in it: drop it, or give "
    "it to the owner of EventFlow's tables with `alter schema {subject} owner to`",
    "schema_used": "the schema {subject} already holds something that is not this project's ({found}): rename that "
    "schema, or use another database",
    "create_schema": "{found} may not create a schema: have the database's owner run "
    "`grant create on database {subject} to {found}`",
    "create_function": "{found} may not create functions in the schema {subject}: have its owner run "
    "`grant create on schema {subject} to {found}`",
    "table_owner": "public.{subject} belongs to {found}: run `eventflow migrate` as {found}",
    "table_kind": "public.{subject} is {found}, which cannot have the indexes and policies it needs: make it a plain "
    "table",
    "hidden_rows": "public.{subject} hides its rows from its own owner {found} (FORCE ROW LEVEL SECURITY), so every "
    "number would be 0: run `alter table public.{subject} no force row level security`, or let {found} bypass it",
    "role_missing": "{found} may not create roles: have an administrator run "
    "`create role {subject} nologin noinherit; grant {subject} to {found}`",
    "role_foreign": "the role {subject}, which all databases of a server share, was made by somebody else: have them "
    "or an administrator run `grant {subject} to {found}`",
    "function_owner": "{subject} is in the way and belongs to {found}: have {found} drop or rename it",
    "function_used": "{subject} is in the way and the {found} uses it: drop that, migrate, and create it again",
}


def first_unmet(connection: Connection) -> str | None:
    """The first thing that would stop a migration, as a clause with its remedy; None when nothing would.

    Of what a step makes in ``public`` see ``first_in_the_way``. Both write nothing.
    """
    tables = [table.name for table in SOURCE_TABLES]
    return _first(connection, "storage/schema/select_unmet", tables=tables, roles=list(ROLES), taken_on=list(TAKEN_ON))


def first_in_the_way(connection: Connection) -> str | None:
    """The first function under the signature of one of ours that cannot be set aside, as a clause with its remedy."""
    return _first(connection, "storage/schema/select_in_the_way", signatures=list(PUBLIC_FUNCTIONS))


def source_tables(connection: Connection) -> frozenset[str]:
    """Names of EventFlow's tables that exist, whoever may read them."""
    names = {"tables": [table.name for table in SOURCE_TABLES]}
    return frozenset(connection.execute(statement("storage/schema/select_source_tables"), names).scalars())


def _first(connection: Connection, query: str, **parameters: list[str]) -> str | None:
    row = connection.execute(statement(query), parameters).first()
    return _SENTENCES[row.what].format(subject=row.subject, found=row.found) if row else None
