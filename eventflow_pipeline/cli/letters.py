"""``eventflow letters``: captured events whose row the fact table refused, and what becomes of them."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Any
from uuid import UUID

import typer

from eventflow_pipeline.cli.app import Author, Json, Yes, agreed, answer, app, login_name
from eventflow_pipeline.errors import UserError

if TYPE_CHECKING:
    from sqlalchemy import Engine

letters = typer.Typer(
    help="Dead letters: captured events that wait because their table refused the row, such as one of a campaign that "
    "has none yet. They are tried again by themselves, after 5 minutes and then less and less often, at least every "
    "6 hours. What they say of a person is not shown.",
    no_args_is_help=True,
)
app.add_typer(letters, name="letters")
_MOST = 1_000_000
Events = Annotated[list[str] | None, typer.Argument(metavar="[EVENT_ID]...", help="Ids of events, as list shows them.")]
OfClient = Annotated[
    str | None, typer.Option("--client", metavar="CLIENT", help="Those of this client only: id, name, or unknown.")
]


@letters.command("list")
def list_waiting(
    client: OfClient = None,
    limit: Annotated[int, typer.Option(min=1, help="Most letters to list, the oldest first.")] = 50,
    as_json: Json = False,
) -> None:
    """The letters that wait: since when, of what and whom, why, how often tried, and when next."""
    from eventflow_pipeline.dev.environment import environment
    from eventflow_pipeline.warehouse.capture.dead_letters import shares
    from eventflow_pipeline.warehouse.db.engine import pipeline

    with environment() as settings, pipeline(settings) as engine:
        found = _waiting(engine, client, limit)
        all_of_them = {s.client: s.visits + s.entries for s in shares(engine)}
    waiting = sum(all_of_them.values())
    lines = [
        f"{r['received_at']:%Y-%m-%d %H:%M}Z  {r['fact']:5}  {r['event_id']}  client {r['client_id'] or 'unknown'}  "
        f"{r['reason']}  tried {r['attempts']}x, next {r['next_try_at']:%m-%d %H:%M}Z"
        for r in found
    ]
    if waiting > len(found):
        lines.append(f"{len(found)} of {waiting:,} that wait.")
    answer(
        as_json,
        {"letters": found, "waiting": waiting, "by_client": all_of_them},
        "\n".join(lines) or "No dead letter waits.",
    )


@letters.command()
def show(
    event: Annotated[str, typer.Argument(metavar="EVENT_ID", help="Id of the event, as list shows it.")],
    as_json: Json = False,
) -> None:
    """One letter: what refused it, the ids of campaign, webinar and link it names, and which fields it has."""
    from eventflow_pipeline.dev.environment import environment
    from eventflow_pipeline.warehouse.capture.dead_letters import contents
    from eventflow_pipeline.warehouse.capture.dead_letters import letters as waiting
    from eventflow_pipeline.warehouse.db.engine import pipeline

    with environment() as settings, pipeline(settings) as engine:
        (asked,) = _ids([event])
        inside = {row["fact"]: row for row in contents(engine, asked)}
        found = [{**row, **inside.get(row["fact"], {})} for row in waiting(engine, 2, event=asked)]
    if not found:
        raise UserError(f"No dead letter of the event {event} waits: `eventflow letters list` names those that do.")
    lines = [f"{name}: {_text(value)}" for row in found for name, value in row.items() if value is not None]
    answer(as_json, {"letters": found}, "\n".join(lines))


@letters.command()
def replay(
    events: Events = None,
    limit: Annotated[int | None, typer.Option(min=1, help="Letters to try. Default: all that wait.")] = None,
    as_json: Json = False,
) -> None:
    """Try letters again now, whether it is their turn or not: those of the events given, or all.

    A letter becomes a fact once what was missing is there, such as its campaign. One refused for its link alone
    is stored without it after EVENTFLOW_CAPTURE_LINK_GRACE_SECONDS. Exit status 1 when some were refused again.
    """
    from eventflow_pipeline.dev.environment import environment
    from eventflow_pipeline.warehouse.capture.dead_letters import replay_dead_letters
    from eventflow_pipeline.warehouse.db.engine import pipeline

    with environment() as settings, pipeline(settings) as engine:
        done = replay_dead_letters(engine, settings, limit, events=_ids(events) if events else None)
    answer(
        as_json,
        {"replayed": done.replayed, "refused": done.refused, "expired": done.expired},
        f"{done.replayed} dead letters became facts, {done.refused} were refused again, {done.expired} expired.",
    )
    if done.refused:
        raise typer.Exit(1)


@letters.command()
def discard(
    reason: Annotated[str, typer.Option("--reason", metavar="TEXT", help="Why; kept in place of the letter.")],
    events: Events = None,
    client: OfClient = None,
    author: Author = None,
    yes: Yes = False,
    as_json: Json = False,
) -> None:
    """Give letters up for good: those of the events given, or all of a client. It says how many and asks.

    What they said is removed; that they were there, who discarded them and why stays.
    """
    from eventflow_pipeline.dev.environment import environment
    from eventflow_pipeline.warehouse.capture.dead_letters import discard as give_up
    from eventflow_pipeline.warehouse.capture.dead_letters import letters as waiting
    from eventflow_pipeline.warehouse.db.engine import pipeline

    if not reason.strip():
        raise UserError("--reason is empty: say why, it is kept in place of the letter.")
    if bool(events) == bool(client):
        raise UserError("Give the ids of events, or --client for all of one client's letters: one of the two.")
    with environment() as settings, pipeline(settings) as engine:
        if events:
            found = [row for event in _ids(events) for row in waiting(engine, 2, event=event)]
        else:
            found = _waiting(engine, client, _MOST)
        if not found:
            raise UserError("No such dead letter waits: `eventflow letters list` names those that do.")
        visits = sum(row["fact"] == "visit" for row in found)
        agreed(yes, f"This discards {visits} visits and {len(found) - visits} registrations, which nothing brings back")
        gone = give_up(engine, [row["event_id"] for row in found], reason.strip(), login_name(author))
    answer(as_json, {"discarded": gone}, f"{gone} dead letters are discarded.")


def _waiting(engine: "Engine", client: str | None, most: int) -> list[Mapping[str, Any]]:
    from eventflow_pipeline.warehouse.answers.explain import find_client
    from eventflow_pipeline.warehouse.capture.dead_letters import letters as waiting
    from eventflow_pipeline.warehouse.db.engine import connect

    if client is None:
        return waiting(engine, most)
    with connect(engine) as connection:
        whose = find_client(connection, client)["id"]
    return waiting(engine, most, client=whose, of_client=True)


def _ids(events: list[str]) -> list[UUID]:
    try:
        return [UUID(event) for event in events]
    except ValueError as problem:
        raise UserError("An EVENT_ID is a uuid: take it from `eventflow letters list`.") from problem


def _text(value: object) -> str:
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)
