"""Whether a connection is a session of the server, on which locks of days and stepping down to a role hang."""

import psycopg

from eventflow_pipeline.errors import UserError

#: How often it is looked whether the process behind a pooler changes: others may be at work on it.
_LOOKS = 10


def require_session(connection: psycopg.Connection, variable: str) -> None:
    """Raise UserError, naming ``variable``, when a pooler lends ``connection`` another server process a transaction.

    Settings, roles and locks would then be left to whoever gets that process next, silently. Nothing is changed. A
    connection without a pooler costs one question; a pooler in session mode a second connection and a few.
    """
    # A pooler cannot know the process of a connection that it lends none yet, and hands a number of its own out.
    if process(connection) != connection.info.backend_pid and not _keeps_its_process(connection):
        raise no_session(variable)


def no_session(variable: str) -> UserError:
    """The refusal of an address behind which no session is kept."""
    return UserError(
        f"{variable} leads through a transaction pooler, which silently breaks locks and roles: give the pooler's "
        "session port (Supabase: 5432), or the server itself."
    )


def process(connection: psycopg.Connection) -> int:
    """Id of the server's process that answers."""
    row = connection.execute("select pg_catalog.pg_backend_pid()").fetchone()
    assert row
    return int(row[0])


def _keeps_its_process(connection: psycopg.Connection) -> bool:
    """Whether the process stays the same and is nobody else's, seen from a second connection."""
    password = connection.info.password
    with psycopg.connect(connection.info.dsn, password=password, autocommit=True, prepare_threshold=None) as other:
        for _ in range(_LOOKS):
            own = process(connection)
            with other.transaction():
                shared = process(other) == own
            if shared or process(connection) != own:
                return False
    return True
