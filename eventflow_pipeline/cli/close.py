"""``eventflow close``: a month does not change any more."""

from typing import TYPE_CHECKING, Annotated, Any

import typer

from eventflow_pipeline.cli.app import Json, Yes, agreed, answer, app
from eventflow_pipeline.domain.months import parse_month
from eventflow_pipeline.errors import UserError

if TYPE_CHECKING:
    from uuid import UUID

    from sqlalchemy import Connection

AskedMonth = Annotated[str, typer.Option("--month", metavar="YYYY-MM", help="The month, of business days.")]
NamedAuthor = Annotated[str, typer.Option("--author", metavar="NAME", help="Who does it; printed on the statement.")]


@app.command()
def close(
    month: AskedMonth,
    author: NamedAuthor,
    client: Annotated[
        list[str] | None,
        typer.Option(metavar="CLIENT", help="Only this client (id or name); may be repeated. Default: all still open."),
    ] = None,
    reason: Annotated[
        str | None,
        typer.Option(metavar="TEXT", help="Why, although days are missing, stale, held or wrong; on the statement."),
    ] = None,
    yes: Yes = False,
    as_json: Json = False,
) -> None:
    """Close a month: each client's settlement is frozen as published, with a hash that follows the one before.

    Compares the month with its facts first. What changes later never changes a closed figure: it is an adjustment
    (`eventflow adjustments`). Days that are missing, stale, held or differ from their facts keep the month open (exit
    status 3), unless --reason says why it is closed nevertheless. Says what it would freeze, and asks.

    Example: eventflow close --month 2026-10 --author ann
    """
    from eventflow_pipeline.dev.environment import environment
    from eventflow_pipeline.warehouse.closing.closings import ToClose, examine
    from eventflow_pipeline.warehouse.closing.closings import close as close_month
    from eventflow_pipeline.warehouse.db.engine import connect, pipeline
    from eventflow_pipeline.warehouse.schema.build_settings import require_build_settings

    asked = parse_month(month)
    require_text("--author", author)
    if reason is not None:
        require_text("--reason", reason)

    def said(clients: list[ToClose]) -> list[dict[str, Any]]:
        return [
            {
                "client_id": c.client_id, "client": c.name, "version": c.version, "hits": c.hits, "visits": c.visits,
                "conversions": c.conversions, "exceptions": c.exceptions, "quality": c.quality,
            }
            for c in clients
        ]  # fmt: skip

    with environment() as settings, pipeline(settings) as engine:
        with connect(engine) as connection:
            require_build_settings(connection, settings)
        clients = examine(engine, settings, asked, client or [])
        unsettled = [c for c in clients if c.exceptions]
        if unsettled and reason is None:
            answer(
                as_json,
                {"month": str(asked), "closed": [], "refused": said(unsettled)},
                "\n".join(
                    [
                        f"{asked} is not closed, because of {len(unsettled)} of {len(clients)} clients:",
                        *(f"  {c.name}: {'; '.join(c.exceptions)}" for c in unsettled),
                        "Heal or accept these days first (`eventflow heal`, `eventflow doctor`), close single clients "
                        "by --client, or say by --reason why it is closed nevertheless.",
                    ]
                ),
            )
            raise typer.Exit(3)
        agreed(yes, _what(str(asked), clients))
        done = close_month(engine, settings, asked, clients, author, reason)
    entries = [{**row, "entry_no": d.entry_no, "hash": d.hash} for row, d in zip(said(clients), done, strict=True)]
    lines = [f"{asked} is closed for {len(done)} clients:"]
    for d in done:
        lines.append(
            f"  {d.client.name}: {d.client.visits:,} visits, {d.client.conversions:,} conversions; entry {d.entry_no}, "
            f"version {d.client.version}, hash {d.hash}"
        )
        lines += [f"    although {text}" for text in d.client.exceptions]
        lines += [f"    quality: {text}" for text in d.client.quality]
    answer(as_json, {"month": str(asked), "closed": entries, "refused": []}, "\n".join(lines))


def closed_client(connection: "Connection", client: str | None) -> "UUID | None":
    """The client whose closed months are asked for, by id or name; None: any. Raises UserError for the unknown one."""
    from eventflow_pipeline.warehouse.answers.explain import find_client

    client_id: UUID | None = find_client(connection, client)["id"] if client else None
    if client and client_id is None:
        raise UserError("The unknown client has no closed months: give --client an id or a name.")
    return client_id


def require_text(option: str, text: str) -> None:
    """Raise UserError for an option that is blank."""
    if not text.strip():
        raise UserError(f"{option} is empty: it is kept with the closing.")


def _what(month: str, clients: list[Any]) -> str:
    """What is about to be frozen, in one sentence."""
    few = clients[:5]
    figures = "; ".join(f"{c.name} {c.visits:,} visits, {c.conversions:,} conversions" for c in few)
    more = f"; and {len(clients) - len(few)} more" if len(clients) > len(few) else ""
    although = sum(bool(c.exceptions) for c in clients)
    failing = sum(bool(c.quality) for c in clients)
    return (
        f"This closes {month} for {len(clients)} clients ({figures}{more})"
        + (f", {although} of them although days are not as they should be" if although else "")
        + (f", {failing} of them with failed checks of quality" if failing else "")
        + "; what changes later is an adjustment"
    )
