"""``eventflow exclude``: campaigns that count as excluded, with reason, author and time (E3)."""

from collections.abc import Callable
from datetime import date
from typing import TYPE_CHECKING, Annotated
from uuid import UUID

import typer

from eventflow_pipeline.cli.app import Author, Json, answer, app, login_name
from eventflow_pipeline.domain.foreign_text import plain
from eventflow_pipeline.errors import UserError

if TYPE_CHECKING:
    from sqlalchemy import Engine

    from eventflow_pipeline.settings import Settings

exclude = typer.Typer(
    help="Campaigns whose facts count as excluded instead of in buckets (E3), such as test clones. The days a change "
    "affects are marked stale at once and heal by themselves, however old they are.",
    no_args_is_help=True,
)
app.add_typer(exclude, name="exclude")
Campaign = Annotated[str, typer.Argument(metavar="CAMPAIGN_ID", help="Id of the campaign (a uuid).")]
Reason = Annotated[str, typer.Option("--reason", metavar="TEXT", help="Why; kept with the rule and in its history.")]


@exclude.command()
def add(campaign: Campaign, reason: Reason, author: Author = None, as_json: Json = False) -> None:
    """Exclude a campaign, in all history and from now on. Its facts stay counted as excluded, never dropped."""
    from eventflow_pipeline.warehouse.changes.exclusions import add_exclusion

    _change(add_exclusion, campaign, reason, author, as_json, "excluded")


@exclude.command()
def remove(campaign: Campaign, reason: Reason, author: Author = None, as_json: Json = False) -> None:
    """Count an excluded campaign again, in all history and from now on."""
    from eventflow_pipeline.warehouse.changes.exclusions import remove_exclusion

    _change(remove_exclusion, campaign, reason, author, as_json, "counted again")


@exclude.command("list")
def list_rules(as_json: Json = False) -> None:
    """The rules in force: campaign, reason, author, time."""
    from eventflow_pipeline.dev.environment import environment
    from eventflow_pipeline.warehouse.changes.exclusions import exclusions
    from eventflow_pipeline.warehouse.db.engine import pipeline

    with environment() as settings, pipeline(settings) as engine:
        rules = exclusions(engine)
    lines = [
        f"{r['campaign_id']}  {r['created_at']:%Y-%m-%d %H:%M}Z  {plain(r['author'])}: {plain(r['reason'])}"
        f"  ({plain(r['title'] or 'no such campaign row')})"
        for r in rules
    ]
    answer(as_json, {"exclusions": [dict(r) for r in rules]}, "\n".join(lines) or "Nothing is excluded.")


def _change(
    change: "Callable[[Engine, Settings, UUID, str, str], list[date]]",
    campaign: str,
    reason: str,
    author: str | None,
    as_json: bool,
    done: str,
) -> None:
    from eventflow_pipeline.dev.environment import environment
    from eventflow_pipeline.warehouse.db.engine import connect, pipeline
    from eventflow_pipeline.warehouse.schema.build_settings import require_build_settings

    try:
        campaign_id = UUID(campaign)
    except ValueError as problem:
        raise UserError(f"{campaign!r} is not a campaign id: give the uuid of event_survey_campaigns.id.") from problem
    if not reason.strip():
        raise UserError("--reason is empty: say why, it is kept with the rule.")
    with environment() as settings, pipeline(settings) as engine:
        with connect(engine) as connection:
            require_build_settings(connection, settings)
        days: list[date] = change(engine, settings, campaign_id, reason.strip(), login_name(author))
    answer(
        as_json,
        {"campaign_id": campaign_id, "days": days},
        f"Campaign {campaign_id} is {done}; {len(days)} days are marked and heal by themselves (or: eventflow heal).",
    )
