"""The command line's application and what its commands share."""

import getpass
import json
import sys
from collections.abc import Collection
from datetime import date
from typing import TYPE_CHECKING, Annotated, Any

import typer
import typer.core

from eventflow_pipeline.domain.days import LONGEST_RANGE, DayRange, today
from eventflow_pipeline.domain.foreign_text import plain
from eventflow_pipeline.errors import UserError

if TYPE_CHECKING:
    from eventflow_pipeline.settings import Settings


class _InOrder(typer.core.TyperGroup):
    def list_commands(self, ctx: Any) -> list[str]:
        from eventflow_pipeline.cli import COMMANDS

        order = [module.__name__.rpartition(".")[2] for module in COMMANDS]
        return sorted(super().list_commands(ctx), key=order.index)


app = typer.Typer(
    cls=_InOrder,
    help="Daily campaign and link buckets from EventFlow's facts: exact, explainable, self-healing.",
    epilog="With EVENTFLOW_DATABASE_URL unset, commands use a Postgres of their own under EVENTFLOW_HOME. "
    "Exit status: 0 done, 1 something failed, 2 wrong input or set-up, 3 held until somebody decides.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)


def _show_version(wanted: bool) -> None:
    if wanted:
        from importlib.metadata import version

        typer.echo(version("eventflow-pipeline"))
        raise typer.Exit


@app.callback()
def options(
    show_version: Annotated[
        bool, typer.Option("--version", callback=_show_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """Options of the program itself."""


Json = Annotated[bool, typer.Option("--json", help="Print one JSON object instead of text.")]
First = Annotated[str, typer.Option("--from", metavar="DATE", help="First day, a local date.")]
Last = Annotated[str | None, typer.Option("--to", metavar="DATE", help="Last day, inclusive. Default: today.")]
Author = Annotated[
    str | None, typer.Option(metavar="NAME", help="Who does it, for the record. Default: the login name.")
]
Yes = Annotated[bool, typer.Option("--yes", help="Do it without asking.")]


def complain(sentence: str) -> None:
    """Say on stderr what a command could not do."""
    typer.echo(f"eventflow: {sentence}", err=True)


def agreed(yes: bool, what: str) -> None:
    """Have somebody agree to ``what``: by ``--yes``, or by answering on a terminal. Raises UserError otherwise."""
    if yes:
        return
    if not sys.stdin.isatty():
        raise UserError(f"{what}: repeat it with --yes if that is meant.")
    typer.echo(f"{what}.", err=True)
    if not typer.confirm("Do it?", err=True):
        raise UserError("Nothing was changed.")


DiscardHistory = Annotated[
    bool,
    typer.Option("--discard-history", help="Do not keep ledger, exclusions, reasons and what else no facts give back."),
]


def ask_before_discarding(yes: bool, goes: tuple[dict[str, int], dict[str, int]], discard_history: bool) -> None:
    """Name what would be lost and what is kept, each a number of rows by its name, and have somebody agree.

    Nothing to lose is nothing to ask. Raises UserError as ``agreed``.
    """
    computed, history = goes
    lost = computed | history if discard_history else computed
    if not lost:
        return
    what = "This discards " + ", ".join(f"{n:,} {name}" for name, n in lost.items())
    if history and not discard_history:
        what += "; kept are " + ", ".join(f"{n:,} {name}" for name, n in history.items())
    agreed(yes, what)


def asked_day(settings: "Settings", option: str, value: str) -> date:
    """The local date given to ``option``, which must lie between the first partition and today.

    Raises UserError naming what is wrong and the nearest valid date.
    """
    try:
        day = date.fromisoformat(value)
    except ValueError as problem:
        raise UserError(f"{option} {value!r} is not a date: write it as YYYY-MM-DD.") from problem
    if day < settings.start_date:
        raise UserError(f"{day} is before the first partition: give {settings.start_date} or later.")
    if day > (newest := today(settings.zone)):
        raise UserError(f"{day} is in the future: give {newest} (today in {settings.timezone}) or earlier.")
    return day


def asked_range(settings: "Settings", first: str, last: str | None) -> DayRange:
    """The inclusive range given to ``--from`` and ``--to`` (default: today). Raises UserError as ``asked_day``."""
    begin = asked_day(settings, "--from", first)
    end = asked_day(settings, "--to", last) if last else today(settings.zone)
    if begin > end:
        raise UserError(f"The range {begin}..{end} is reversed: give the earlier date to --from.")
    days = DayRange(begin, end)
    if len(days) > LONGEST_RANGE:
        raise UserError(f"The range {days} has {len(days):,} days: ask for at most {LONGEST_RANGE:,} at once.")
    return days


def answer(as_json: bool, data: dict[str, Any], text: str) -> None:
    """Print a command's answer on stdout: ``data`` as one JSON object, or ``text``."""
    typer.echo(json.dumps(data, default=str) if as_json else "\n".join(map(plain, text.split("\n"))))


def exit_status(*, failed: Collection[Any], held: Collection[Any]) -> None:
    """End the command with 1 when something failed, else with 3 when something is held."""
    if failed or held:
        raise typer.Exit(1 if failed else 3)


def login_name(author: str | None) -> str:
    """``author``, or who runs the command."""
    if author:
        return author
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a container's user without a name
        return "unknown"
