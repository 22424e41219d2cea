"""Who is logged in: whether it could do more than it needs, and whether it knows whom it talks to."""

from collections.abc import Iterator
from dataclasses import dataclass
from ipaddress import ip_address

import psycopg

from eventflow_pipeline.warehouse.db.sql import sql_text


@dataclass(frozen=True, slots=True)
class Login:
    """The user of a connection, and what is unsafe about it."""

    name: str
    #: It could become the owner of a table, view or function of ours; never said of the project's own server.
    may_become_owner: bool
    #: The sslmode of a connection over a network that does not verify the server; None: verified, or not over one.
    unverified: str | None

    @property
    def warnings(self) -> Iterator[tuple[str, str]]:
        """What is unsafe: the event to log, and the reason."""
        if self.may_become_owner:
            yield "owner_login", f"the login {self.name} could become the owner of what is in stats"
        if self.unverified:
            reason = f"sslmode={self.unverified} takes any server that answers over the network for the database"
            yield "unverified_server", reason


def login(connection: psycopg.Connection) -> Login:
    """The login of ``connection``, whatever role it has stepped down to."""
    row = connection.execute(sql_text("storage/schema/select_login").encode()).fetchone()
    assert row
    given = {option.keyword: option.val for option in connection.pgconn.info}
    mode = (given.get(b"sslmode") or b"").decode()
    return Login(row[0], bool(row[1]), unverified(connection.info.host, connection.info.hostaddr, mode))


def unverified(host: str, address: str, sslmode: str) -> str | None:
    """``sslmode`` when a connection to ``host``, at IP ``address``, crosses a network and does not verify who answers.

    A socket in the file system and the machine's own addresses cross none.
    """
    if host.startswith(("/", "@")) or (address and ip_address(address).is_loopback):
        return None
    return None if sslmode == "verify-full" else sslmode
