"""``eventflow thresholds``: where a client's indicators become a warning and an error."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated

import typer

from eventflow_pipeline.cli.app import Author, Json, answer, app, login_name
from eventflow_pipeline.domain.foreign_text import plain
from eventflow_pipeline.errors import UserError

if TYPE_CHECKING:
    from sqlalchemy import Engine, RowMapping

    from eventflow_pipeline.domain.quality import Threshold
    from eventflow_pipeline.settings import Settings

thresholds = typer.Typer(
    help="Thresholds of quality checks: everybody's (EVENTFLOW_QUALITY_THRESHOLDS) and those of single clients. Checks "
    "and the alerts within the hour obey them alike; today and the look-back days are judged again at once.",
    no_args_is_help=True,
)
app.add_typer(thresholds, name="thresholds")
Name = Annotated[str, typer.Argument(metavar="NAME", help="Name of the threshold, such as linkage or deficit.")]
Client = Annotated[str, typer.Option("--client", metavar="CLIENT", help="Whose (id or name).")]
Reason = Annotated[str, typer.Option("--reason", metavar="TEXT", help="Why; kept with the bounds.")]


@thresholds.command("list")
def list_thresholds(as_json: Json = False) -> None:
    """Show every threshold in force: everybody's, and clients' own with reason and author."""
    from eventflow_pipeline.warehouse.quality.thresholds import override_rows, usual_thresholds

    with _database() as (settings, engine):
        usual, own = usual_thresholds(settings), override_rows(engine)
    lines = [f"{name}  {_bounds(t.warn, t.error)}" for name, t in sorted(usual.items())]
    lines += [
        plain(f"{row['name']}  {_own(row, usual)}  client {row['client'] or row['client_id']}  ")
        + plain(f"{row['author']}: {row['reason']}")
        for row in own
    ]
    everybody = {name: {"warn": t.warn, "error": t.error} for name, t in sorted(usual.items())}
    answer(as_json, {"thresholds": everybody, "clients": [dict(row) for row in own]}, "\n".join(lines))


@thresholds.command("set")
def set_threshold(
    name: Name,
    client: Client,
    reason: Reason,
    warn: Annotated[float | None, typer.Option("--warn", help="Where it warns; else as everybody's.")] = None,
    error: Annotated[float | None, typer.Option("--error", help="Where it is an error; else as everybody's.")] = None,
    author: Author = None,
    as_json: Json = False,
) -> None:
    """Give a client bounds of its own, in place of those it has."""
    from eventflow_pipeline.domain.quality import Threshold
    from eventflow_pipeline.warehouse.answers.explain import find_client
    from eventflow_pipeline.warehouse.db.engine import connect
    from eventflow_pipeline.warehouse.quality.thresholds import set_override

    if not reason.strip():
        raise UserError("--reason is empty: say why, it is kept with the bounds.")
    with _database() as (settings, engine):
        with connect(engine) as connection:
            found = find_client(connection, client)
        own = Threshold(warn, error)
        made = set_override(engine, settings, found["id"], name, own, reason.strip(), login_name(author))
    data = {"client_id": found["id"], "name": name, "warn": made.warn, "error": made.error}
    answer(as_json, data, f"{name} of client {found['name']}: {_bounds(made.warn, made.error)}")


@thresholds.command("unset")
def unset_threshold(name: Name, client: Client, as_json: Json = False) -> None:
    """Judge a client by everybody's bounds again."""
    from eventflow_pipeline.warehouse.answers.explain import find_client
    from eventflow_pipeline.warehouse.db.engine import connect
    from eventflow_pipeline.warehouse.quality.thresholds import unset_override

    with _database() as (settings, engine):
        with connect(engine) as connection:
            found = find_client(connection, client)
        made = unset_override(engine, settings, found["id"], name)
    data = {"client_id": found["id"], "name": name, "warn": made.warn, "error": made.error}
    answer(as_json, data, f"{name} of client {found['name']}: {_bounds(made.warn, made.error)}, as everybody's.")


def _own(row: "RowMapping", usual: "Mapping[str, Threshold]") -> str:
    from eventflow_pipeline.domain.quality import Threshold

    made = usual.get(row["name"], Threshold()).overridden(Threshold(row["warn"], row["error"]))
    return _bounds(made.warn, made.error)


def _bounds(warn: float | None, error: float | None) -> str:
    return ", ".join(
        f"{word} {'never' if bound is None else f'{bound:g}'}" for word, bound in (("warn", warn), ("error", error))
    )


@contextmanager
def _database() -> Iterator["tuple[Settings, Engine]"]:
    from eventflow_pipeline.dev.environment import environment
    from eventflow_pipeline.warehouse.db.engine import connect, pipeline
    from eventflow_pipeline.warehouse.schema.build_settings import require_build_settings

    with environment() as settings, pipeline(settings) as engine:
        with connect(engine) as connection:
            require_build_settings(connection, settings)
        yield settings, engine
