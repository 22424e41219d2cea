"""What processes that serve others need before they ask the database anything: its address, and whether they may."""

import psycopg

from eventflow_pipeline.settings import Settings
from eventflow_pipeline.warehouse.db.engine import NotMigratedError, not_allowed, parse_url, reason
from eventflow_pipeline.warehouse.db.login import Login, login
from eventflow_pipeline.warehouse.db.session import require_session

_CONNECTION_SECONDS = 2


def database_address(settings: Settings) -> str:
    """The database's address as psycopg takes it."""
    assert settings.database.url
    url = parse_url(settings.database.url.get_secret_value()).set(drivername="postgresql")
    return url.render_as_string(hide_password=False)


def examine_login(settings: Settings, role: str) -> Login | None:
    """The login that will work as ``role``; None while the database is away. Raises UserError where it could not."""
    try:
        connection = psycopg.connect(database_address(settings), autocommit=True, connect_timeout=_CONNECTION_SECONDS)
    except psycopg.OperationalError:
        return None
    with connection:
        require_session(connection, "EVENTFLOW_DATABASE_URL")
        found = login(connection)
        try:
            connection.execute(f"set role {role}".encode())
        except psycopg.errors.InsufficientPrivilege as problem:
            raise not_allowed(f"it may not step down to the role {role}", role) from problem
        except psycopg.Error as problem:
            raise NotMigratedError(
                f"The role {role} cannot be used ({reason(problem)}): run `eventflow migrate` as the owner."
            ) from problem
    return found
