"""``eventflow accept``: apply what waits for somebody's word, with reason and author in the ledger."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Any

import typer

from eventflow_pipeline.cli.app import Author, Json, Last, answer, app, asked_day, asked_range, exit_status, login_name
from eventflow_pipeline.domain.checks import QUALITY_CHECKS
from eventflow_pipeline.domain.days import DayRange, contiguous, today
from eventflow_pipeline.domain.foreign_text import plain
from eventflow_pipeline.errors import UserError

if TYPE_CHECKING:
    from uuid import UUID

    from eventflow_pipeline.settings import Settings
    from eventflow_pipeline.warehouse.changes.detection import StaleDay

accept = typer.Typer(
    help="Apply what waits for somebody's word. Who and why go into the ledger (stats.day_ledger).",
    no_args_is_help=True,
)
app.add_typer(accept, name="accept")
FromFirstPartition = Annotated[
    str | None, typer.Option("--from", metavar="DATE", help="First day, a local date. Default: the first partition.")
]


@accept.command("held")
def accept_held(
    reason: Annotated[str, typer.Option("--reason", metavar="TEXT", help="Why; kept in the ledger.")],
    first: FromFirstPartition = None,
    last: Last = None,
    client: Annotated[
        str | None,
        typer.Option(metavar="CLIENT", help="Only days held for this client (id or name, or unknown) and no other."),
    ] = None,
    author: Author = None,
    as_json: Json = False,
) -> None:
    """Compute days again that the guard against mass loss holds: the loss becomes the customers' numbers.

    Look first with `eventflow heal --dry-run`. Days whose rows are back are held no longer and are not touched. The
    exit status is 1 when a day failed, 3 when days are still held.
    """
    from eventflow_pipeline.dev.environment import environment

    if not reason.strip():
        raise UserError("--reason is empty: say why, it is kept in the ledger.")
    with environment(dagster=True) as settings:
        from eventflow_pipeline.runs import run_accept
        from eventflow_pipeline.warehouse.answers.explain import find_client
        from eventflow_pipeline.warehouse.db.engine import connect, pipeline

        days = _range(settings, first, last)
        who: list[UUID | None] = []
        if client:
            with pipeline(settings) as engine, connect(engine) as connection:
                who = [find_client(connection, client)["id"]]

        def choose(held: Sequence["StaleDay"]) -> Sequence["StaleDay"]:
            chosen = [stale for stale in held if stale.day in days]
            return _of_client(chosen, who[0]) if who else chosen

        report = run_accept(
            settings, choose, reason=reason.strip(), author=login_name(author), show_progress=not as_json
        )
    count = len(report.done) + len(report.failed) + len(report.held)
    data = {"done": report.done, "failed": report.failed, "held": held_data(report.held), "runs": report.runs}
    lines = [f"{len(report.done)} of {count} held days accepted." if count else "Nothing is held there."]
    if report.failed:
        lines.append(f"Failed: {', '.join(map(str, report.failed))}.")
    lines += map(str, report.failed_steps)
    answer(as_json, data, "\n".join([*lines, *held_lines(report.held)]))
    exit_status(failed=[*report.failed, *report.failed_steps], held=report.held)


@accept.command("pruned")
def accept_pruned(
    reason: Annotated[
        str, typer.Option("--reason", metavar="TEXT", help="Why; kept beside the day and in the ledger.")
    ],
    first: FromFirstPartition = None,
    last: Last = None,
    author: Author = None,
    as_json: Json = False,
) -> None:
    """Keep days as they are that have changed and can no longer be computed, because session-days were pruned.

    Their numbers stay those that are published, though their facts say others: ranges with such a day stay incomplete
    for the clients concerned, `eventflow verify` says by how much the day differs, and nobody is paged for it any more.
    A day that changes once more waits for another decision; one whose facts are put back is what it was.
    """
    from eventflow_pipeline.dev.environment import environment

    if not reason.strip():
        raise UserError("--reason is empty: say why, it is kept beside the day.")
    with environment() as settings:
        from eventflow_pipeline.warehouse.changes.kept_days import days_to_decide, keep_days
        from eventflow_pipeline.warehouse.db.engine import connect, pipeline
        from eventflow_pipeline.warehouse.schema.build_settings import require_build_settings

        days = _range(settings, first, last)
        with pipeline(settings) as engine:
            with connect(engine) as connection:
                require_build_settings(connection, settings)
            kept = [stale.day for stale in days_to_decide(engine, settings, days)]
            keep_days(engine, settings, kept, reason.strip(), login_name(author))
    lines = [f"{len(kept)} days are kept as they are:", *(f"  {part}" for part in contiguous(kept))]
    answer(as_json, {"kept": kept}, "\n".join(lines) if kept else "Nothing there waits for that decision.")


@accept.command("check")
def accept_check(
    check: Annotated[str, typer.Argument(metavar="CHECK", help="Name of the check of quality, such as linkage.")],
    first: Annotated[str, typer.Option("--from", metavar="DATE", help="First day, a local date.")],
    reason: Annotated[
        str, typer.Option("--reason", metavar="TEXT", help="Why; kept beside the day and in the ledger.")
    ],
    last: Annotated[
        str | None, typer.Option("--to", metavar="DATE", help="Last day, inclusive. Default: the first.")
    ] = None,
    client: Annotated[
        str | None, typer.Option(metavar="CLIENT", help="Only for this client (id or name); else for all it fails for.")
    ] = None,
    author: Author = None,
    as_json: Json = False,
) -> None:
    """Accept that a check of quality fails on days that are over: it passes with that note, and nobody is told of it.

    A day whose facts change once more is judged anew. What differs from the facts (parity) cannot be accepted.
    """
    from eventflow_pipeline.dev.environment import environment

    if not reason.strip():
        raise UserError("--reason is empty: say why, it is kept in the ledger.")
    if check not in QUALITY_CHECKS:
        raise UserError(f"There is no check of quality {check}: use one of {', '.join(sorted(QUALITY_CHECKS))}.")
    with environment() as settings:
        from eventflow_pipeline.warehouse.answers.explain import find_client
        from eventflow_pipeline.warehouse.db.engine import connect, pipeline
        from eventflow_pipeline.warehouse.quality import accepted_checks
        from eventflow_pipeline.warehouse.schema.build_settings import require_build_settings

        days = asked_range(settings, first, last or first)
        if days.last >= today(settings.zone):
            raise UserError("Today is not over, and its facts still change: mute its incident (eventflow alerts mute).")
        with pipeline(settings) as engine:
            with connect(engine) as connection:
                require_build_settings(connection, settings)
                client_id = find_client(connection, client)["id"] if client else None
            found = accepted_checks.accept_check(
                engine, settings, check, days, client_id, reason.strip(), login_name(author)
            )
    lines = [f"{check} is accepted on {len(found)} days:", *(f"  {part}" for part in contiguous(found))]
    answer(as_json, {"accepted": found}, "\n".join(lines) if found else f"{check} does not fail there.")


def _range(settings: "Settings", first: str | None, last: str | None) -> DayRange:
    begin = asked_day(settings, "--from", first) if first else settings.start_date
    end = asked_day(settings, "--to", last) if last else today(settings.zone)
    if begin > end:
        raise UserError(f"The range {begin}..{end} is reversed: give the earlier date to --from.")
    return DayRange(begin, end)


def _of_client(held: Sequence["StaleDay"], client: "UUID | None") -> Sequence["StaleDay"]:
    """The days held for the client. Raises UserError when others would lose on one of them as well: it is one day."""
    chosen = [stale for stale in held if client in stale.held_names]
    for stale in chosen:
        if others := stale.losing - {client}:
            names = ", ".join(name for id, name in stale.held_names.items() if id in others | {client})
            raise UserError(f"{stale.day} is held for {names}, and is accepted whole: leave out --client.")
    return chosen


def held_data(held: Sequence["StaleDay"]) -> list[dict[str, Any]]:
    """Held days for ``--json``."""
    return [
        {
            "day": stale.day,
            "cause": stale.cause.value,
            "since": stale.held_since,
            "reason": stale.held_reason,
            "clients": [
                {"id": client, "name": name, "reason": stale.reason_of(client)}
                for client, name in stale.held_names.items()
            ],
        }
        for stale in held
    ]


def held_lines(held: Sequence["StaleDay"]) -> list[str]:
    """Held days for people: each with its clients, and what to do about them; no line where none is."""
    if not held:
        return []
    count = "1 day is" if len(held) == 1 else f"{len(held)} days are"
    return [
        f"{count} HELD: the clients named keep what was published of them:",
        *(
            plain(f"  {stale.day}  {stale.held_reason}")
            + (plain(f" (held for {', '.join(stale.held_names.values())})") if len(stale.held_names) > 1 else "")
            for stale in held
        ),
        f'Restore the rows, or apply it: eventflow accept held --from {held[0].day} --to {held[-1].day} --reason "..."',
    ]


def pruned_lines(pruned: Sequence["StaleDay"]) -> list[str]:
    """Changed days that can no longer be computed, for people, and what to do about them; no line where none is."""
    if not pruned:
        return []
    from eventflow_pipeline.warehouse.ranges.pruning import keep_command

    ranges = contiguous(stale.day for stale in pruned)
    return [
        f"{len(pruned)} changed days can no longer be computed, because session-days were pruned: "
        f"{', '.join(map(str, ranges))}.",
        f"Put their facts back, or keep them as they are: {keep_command(ranges[0].first, ranges[-1].last)}",
    ]
