"""A login with too few rights, or for no database at all: one sentence with the remedy, whatever the command."""

import os
from collections.abc import Iterator
from pathlib import Path
from unittest.mock import patch

import pytest
import typer
from sqlalchemy.engine import make_url
from typer.testing import CliRunner

from eventflow_pipeline.cli import as_refusal
from eventflow_pipeline.cli.app import app
from eventflow_pipeline_tests.capture.serving import KEYS
from eventflow_pipeline_tests.databases import Database, Databases

ID = "00000000-0000-0000-0000-000000000001"
SPAN = ("--from", "2024-03-01", "--to", "2024-03-02")
#: Every command that asks the database of the environment, with what it cannot do without.
COMMANDS: dict[str, tuple[str, ...]] = {
    "sample": ("--days", "7", "--database", "{database}"),
    "migrate": (),
    "views drop": (),
    "views refresh": (),
    "backfill": SPAN,
    "heal": (),
    "verify": SPAN,
    "report": ("--client", "unknown", *SPAN, "--out", "{folder}/report.csv"),
    "close": ("--month", "2024-02", "--author", "ann", "--yes"),
    "reopen": ("--month", "2024-02", "--client", ID, "--author", "ann", "--reason", "a test", "--yes"),
    "adjustments": (),
    "mail": ("--month", "2024-02"),
    "explain": ("--client", "unknown", "--date", "2024-03-01"),
    "doctor": (),
    "probe": (),
    "accept held": ("--reason", "a test"),
    "accept pruned": ("--reason", "a test"),
    "accept check": ("linkage", "--from", "2024-03-01", "--to", "2024-03-02", "--reason", "a test"),
    "alerts list": (),
    "alerts show": ("0123456789",),
    "alerts ack": ("0123456789", "--reason", "a test"),
    "alerts mute": ("0123456789", "--reason", "a test", "--until", "4h"),
    "alerts close": ("0123456789", "--reason", "a test"),
    "thresholds list": (),
    "thresholds set": ("linkage", "--client", "unknown", "--error", "0.1", "--reason", "a test"),
    "thresholds unset": ("linkage", "--client", "unknown"),
    "slo": (),
    "exclude add": (ID, "--reason", "a test"),
    "exclude remove": (ID, "--reason", "a test"),
    "exclude list": (),
    "fold add": ("--client", "unknown", "--field", "utm_source", "--prefix", "x", "--reason", "a test", "--yes"),
    "fold remove": ("1", "--reason", "a test", "--yes"),
    "fold list": (),
    "definitions show": (),
    "definitions set": ("linkage_days_before", "31", "--reason", "a test", "--yes"),
    "erase": ("--session", "5e55", "--reason", "a test", "--dry-run"),
    "webinar sample": (),
    "letters list": (),
    "letters show": (ID,),
    "letters replay": (),
    "letters discard": (ID, "--reason", "a test", "--yes"),
    "share add": ("--client", "unknown", *SPAN),
    "share list": (),
    "share revoke": (ID,),
    "rebuild": ("--yes",),
}
#: The demo has a server of its own; capture and serve come up while the database is away; settings are the
#: environment's, and so are the addresses that a test message goes to; psql, dagster and env speak for
#: themselves, and metrics say that nothing is well.
WITHOUT = {"demo", "capture serve", "serve", "settings", "alerts test", "psql", "dagster", "env", "metrics"}
DENIED = "have the owner of EventFlow's tables run `grant eventflow_pipeline to` that user"
#: What only the owner may do says whose it is.
OWNED = "belongs to postgres: run `eventflow migrate` as postgres"
#: What changes the schema is for the owner, whatever the login may be granted.
OWNERS_COMMANDS = {"migrate", "rebuild", "sample", "views drop", "views refresh"}
OWNERS = "set EVENTFLOW_OWNER_URL to the owner's address"


@pytest.fixture
def login(database: Database) -> Iterator[str]:
    """A user of the server with no right of its own: its name."""
    name = f"stranger_{database.owner.url.database}"
    database.execute(f"create role {name} login")
    yield name
    database.execute(f"drop owned by {name}")
    database.execute(f"drop role {name}")


def _names() -> set[str]:
    names = set()
    for name, command in typer.main.get_command(app).commands.items():  # type: ignore[attr-defined]
        names |= {f"{name} {part}" for part in getattr(command, "commands", {})} or {name}
    return names


@pytest.fixture
def dagster(databases: Databases) -> Iterator[str]:
    """Address of a database for Dagster's own use."""
    name = databases.create()
    yield databases.url(name)
    databases.drop(name)


def _said(command: str, address: str, dagster: str, folder: Path, **more: str) -> str:
    """What the command says to people in place of doing its work."""
    values = {"database": make_url(address).database, "folder": folder}
    arguments = [*command.split(), *(part.format(**values) for part in COMMANDS[command])]
    environment = {
        "EVENTFLOW_DATABASE_URL": address,
        "DAGSTER_POSTGRES_URL": dagster,
        "EVENTFLOW_HOME": str(folder / "home"),
        "EVENTFLOW_SERVE_KEYS": KEYS,
        **more,
    }
    with patch.dict(os.environ, environment):
        done = CliRunner().invoke(app, arguments)
    if command in ("probe", "doctor") and isinstance(done.exception, SystemExit):  # they report it
        assert done.exit_code == 1, done.output
        return done.output
    assert isinstance(done.exception, Exception), (command, done.output)
    refusal = as_refusal(done.exception)
    assert refusal is not None, (command, repr(done.exception))
    assert "\n" not in str(refusal)
    return str(refusal)


def test_every_command_is_asked() -> None:
    assert _names() == COMMANDS.keys() | WITHOUT


@pytest.mark.parametrize("granted", ["nothing", "usage on schema stats", "select on stats.build_settings"])
def test_a_login_without_rights_is_told_what_to_do(
    database: Database, login: str, dagster: str, tmp_path: Path, granted: str
) -> None:
    if granted != "nothing":
        database.execute(f"grant usage on schema stats to {login}")
        database.execute(f"grant {granted} to {login}")
    address = make_url(database.url).set(username=login).render_as_string(False)
    for command in COMMANDS:
        said = _said(command, address, dagster, tmp_path)
        assert (OWNERS if command in OWNERS_COMMANDS else DENIED) in said, (command, said)


def test_so_is_one_that_need_not_read_the_build_settings(
    database: Database, login: str, dagster: str, tmp_path: Path
) -> None:
    address = make_url(database.url).set(username=login).render_as_string(False)
    stored = {"EVENTFLOW_TIMEZONE": "Asia/Seoul", "EVENTFLOW_START_DATE": str(database.settings.start_date)}
    for command in COMMANDS:
        said = _said(command, address, dagster, tmp_path, **stored)
        assert any(remedy in said for remedy in (DENIED, OWNED, OWNERS)), (command, said)


@pytest.mark.parametrize("missing", ["the database", "the right to connect"])
def test_no_database_to_connect_to_is_one_sentence(
    database: Database, login: str, dagster: str, tmp_path: Path, missing: str
) -> None:
    address = make_url(database.url)
    if missing == "the database":
        address = address.set(database="nowhere")
    else:
        database.execute(f'revoke connect on database "{address.database}" from public')
        address = address.set(username=login)
    for command in COMMANDS:
        said = _said(command, address.render_as_string(False), dagster, tmp_path)
        assert f"{address.database} cannot be reached" in said, command
        assert "check EVENTFLOW_DATABASE_URL" in said, command
        assert ("or have the database created" in said) == (missing == "the database"), command


def test_capture_does_not_start_with_a_login_that_may_not_store(
    database: Database, login: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    address = make_url(database.url).set(username=login).render_as_string(False)
    monkeypatch.setenv("EVENTFLOW_DATABASE_URL", address)
    monkeypatch.setenv("EVENTFLOW_CAPTURE_KEYS", KEYS)
    done = CliRunner().invoke(app, ["capture", "serve"])
    assert "`grant eventflow_capture to` that user" in str(done.exception)
