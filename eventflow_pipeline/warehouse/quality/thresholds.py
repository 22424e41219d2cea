"""The thresholds in force: the settings', and those stored for single clients."""

from collections.abc import Mapping, Sequence
from datetime import timedelta
from uuid import UUID

from sqlalchemy import Engine, RowMapping

from eventflow_pipeline.domain.days import today
from eventflow_pipeline.domain.deficit import DeficitRule
from eventflow_pipeline.domain.quality import LOW_IS_BAD, Judge, Threshold
from eventflow_pipeline.errors import UserError
from eventflow_pipeline.settings import Settings
from eventflow_pipeline.warehouse.db.engine import connect
from eventflow_pipeline.warehouse.db.sql import statement


def judge(engine: Engine, settings: Settings) -> Judge:
    """Thresholds in force now: the settings', and those stored for single clients."""
    with connect(engine) as connection:
        rows = connection.execute(statement("storage/quality/select_overrides")).all()
    return Judge(
        thresholds=settings.quality.thresholds,
        overrides={(row.client_id, row.name): Threshold(row.warn, row.error) for row in rows},
        minimum_volume=settings.quality.minimum_volume,
        deficit_rule=deficit_rule(settings),
    )


def deficit_rule(settings: Settings) -> DeficitRule:
    """When visits are too few for the entries there are (Q6), for every client without shares of its own."""
    return DeficitRule(
        settings.quality.deficit_min_entries, settings.quality.deficit_error_share, settings.quality.deficit_warn_share
    )


def usual_thresholds(settings: Settings) -> Mapping[str, Threshold]:
    """Everybody's thresholds by name; a client may have its own of each."""
    rule = deficit_rule(settings)
    return {**settings.quality.thresholds, "deficit": Threshold(rule.warn_share, rule.error_share)}


def override_rows(engine: Engine) -> Sequence[RowMapping]:
    """Clients' own bounds, with the client's name, reason and author."""
    with connect(engine) as connection:
        return connection.execute(statement("storage/quality/select_override_rows")).mappings().all()


def set_override(
    engine: Engine, settings: Settings, client_id: UUID | None, name: str, own: Threshold, reason: str, author: str
) -> Threshold:
    """Give a client bounds of its own, and have today and the look-back days judged again; what is then in force.

    Raises UserError on an unknown name, on no client, and on bounds that would never warn.
    """
    usual = _usual(settings, name)
    if client_id is None:
        raise UserError("The unknown client has no thresholds of its own: give --client an id or a name.")
    if own == Threshold():
        raise UserError("Give --warn, --error or both; everybody's bounds again: eventflow thresholds unset.")
    if any(bound is not None and not 0 <= bound < float("inf") for bound in (own.warn, own.error)):
        raise UserError("A bound is a number from 0 on: shares are written as 0.5.")
    made = usual.overridden(own)
    if made.warns_beyond_error(below=name in LOW_IS_BAD or name == "deficit"):
        raise UserError(f"{name} would warn at {made.warn:g}, beyond its error at {made.error:g}: let it warn first.")
    with connect(engine) as connection:
        connection.execute(
            statement("storage/quality/upsert_override"),
            {
                "client_id": client_id,
                "name": name,
                "warn": own.warn,
                "error": own.error,
                "reason": reason,
                "author": author,
            },
        )
    _judge_again(engine, settings)
    return made


def unset_override(engine: Engine, settings: Settings, client_id: UUID | None, name: str) -> Threshold:
    """Take a client's own bounds away; what is then in force.

    Raises UserError on an unknown name, or where it has none.
    """
    usual = _usual(settings, name)
    with connect(engine) as connection:
        gone = connection.execute(
            statement("storage/quality/delete_override"), {"client_id": client_id, "name": name}
        ).rowcount
    if not gone:
        raise UserError(f"The client has no {name} of its own: `eventflow thresholds list` has those there are.")
    _judge_again(engine, settings)
    return usual


def _usual(settings: Settings, name: str) -> Threshold:
    usual = usual_thresholds(settings)
    if name not in usual:
        raise UserError(f"There is no threshold {name}: use one of {', '.join(sorted(usual))}.")
    return usual[name]


def _judge_again(engine: Engine, settings: Settings) -> None:
    """Today and the look-back days are judged by the next tick, not by the next night."""
    since = today(settings.zone) - timedelta(days=settings.changes.lookback_days)
    with connect(engine) as connection:
        connection.execute(statement("storage/quality/delete_quality_checks"), {"days": None, "since": since})
