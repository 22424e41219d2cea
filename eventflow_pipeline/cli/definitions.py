"""``eventflow definitions``: what numbers mean beside the rules, kept in the database: hourly lists, look-backs."""

from dataclasses import asdict
from typing import Annotated

import typer

from eventflow_pipeline.cli.app import Author, Json, Yes, agreed, answer, app, login_name
from eventflow_pipeline.domain.definitions import DEFINITIONS, spelled
from eventflow_pipeline.errors import UserError

definitions = typer.Typer(
    help="What numbers mean beside the rules: which clients and campaigns get hour buckets (B1), how far linkage looks "
    "(Q2). Kept in the database alone, so that every process computes the same.",
    no_args_is_help=True,
)
app.add_typer(definitions, name="definitions")
Name = Annotated[str, typer.Argument(metavar="NAME", help=f"One of {', '.join(DEFINITIONS)}.")]
Value = Annotated[str, typer.Argument(metavar="VALUE", help="A number, or ids separated by commas; none: no id.")]
Reason = Annotated[str, typer.Option("--reason", metavar="TEXT", help="Why; kept in the history.")]


@definitions.command()
def show(as_json: Json = False) -> None:
    """The definitions in force, and every change of one: when, by whom, from what to what, and why."""
    from eventflow_pipeline.dev.environment import environment
    from eventflow_pipeline.warehouse.changes.definitions import definition_changes
    from eventflow_pipeline.warehouse.changes.definitions import definitions as in_force
    from eventflow_pipeline.warehouse.db.engine import pipeline

    with environment() as settings, pipeline(settings) as engine:
        now, history = asdict(in_force(engine)), definition_changes(engine)
    lines = [f"{name} = {spelled(now[name])}   {definition.meaning}" for name, definition in DEFINITIONS.items()]
    lines += [
        f"{h['changed_at']:%Y-%m-%d %H:%M}Z  {h['author']}: {h['name']} from {h['value_before']} to {h['value_after']}"
        f"  ({h['reason']})"
        for h in history
    ]
    answer(as_json, {"definitions": now, "changes": [dict(h) for h in history]}, "\n".join(lines))


@definitions.command("set")
def change(
    name: Name, value: Value, reason: Reason, author: Author = None, yes: Yes = False, as_json: Json = False
) -> None:
    """Change a definition. It says how many days are computed again by that and asks.

    Another hourly list makes every computed day stale: the days heal by themselves, or by `eventflow heal`. Another
    look-back of linkage has the linkage of all measured days measured again at once.
    """
    from eventflow_pipeline.dev.environment import environment
    from eventflow_pipeline.warehouse.changes.definitions import changed_days, definition_change, set_definition
    from eventflow_pipeline.warehouse.db.engine import connect, pipeline
    from eventflow_pipeline.warehouse.quality.indicators import measure_linkage
    from eventflow_pipeline.warehouse.schema.build_settings import require_build_settings

    if not reason.strip():
        raise UserError("--reason is empty: say why, it is kept in the history.")
    with environment() as settings, pipeline(settings) as engine:
        with connect(engine) as connection:
            require_build_settings(connection, settings)
        asked = definition_change(engine, name, value)
        what = "days are computed again" if DEFINITIONS[name].of_days else "days get their linkage measured again"
        cost = f"{name} becomes {spelled(asked.after)} (now {spelled(asked.before)}): {asked.days} {what}"
        if asked.unreachable:
            cost += f", {asked.unreachable} of them cannot be (session-days were pruned) and wait for `accept pruned`"
        agreed(yes, cost)
        set_definition(engine, asked, reason.strip(), login_name(author))
        days = len(changed_days(engine, settings)) if DEFINITIONS[name].of_days else measure_linkage(engine, settings)
    then = (
        "are marked and heal by themselves (or: eventflow heal)" if DEFINITIONS[name].of_days else "were measured again"
    )
    answer(
        as_json,
        {"name": name, "before": spelled(asked.before), "after": spelled(asked.after), "days": days},
        f"{name} is {spelled(asked.after)}; {days} days {then}.",
    )
