"""Exclusions (E3): campaigns whose facts are counted as excluded instead of in buckets, such as test clones."""

from collections.abc import Sequence
from datetime import date
from uuid import UUID

from sqlalchemy import Engine, RowMapping

from eventflow_pipeline.errors import UserError
from eventflow_pipeline.settings import Settings
from eventflow_pipeline.warehouse.changes.detection import Scope, days_of_campaign, detect_changes
from eventflow_pipeline.warehouse.db.engine import connect
from eventflow_pipeline.warehouse.db.sql import statement


def add_exclusion(engine: Engine, settings: Settings, campaign_id: UUID, reason: str, author: str) -> list[date]:
    """Exclude a campaign from now on and in all history; returns the days this changes, now marked stale.

    Raises UserError when it is excluded already, when no campaign and no fact has the id, or when it is a webinar's.
    """
    with connect(engine) as connection:
        known = connection.execute(statement("storage/changes/select_what_has_id"), {"campaign_id": campaign_id}).one()
    if not known.is_campaign and known.is_webinar:
        raise UserError(f"{campaign_id} is a webinar's id: only campaigns can be excluded (E3).")
    if not known.is_campaign and not known.has_facts:
        raise UserError(f"There is no campaign {campaign_id} and no fact of one: see that the id is right.")
    if not _change(engine, "insert_exclusion", campaign_id, reason, author):
        raise UserError(f"Campaign {campaign_id} is excluded already: see `eventflow exclude list`.")
    return _mark_days(engine, settings, campaign_id)


def remove_exclusion(engine: Engine, settings: Settings, campaign_id: UUID, reason: str, author: str) -> list[date]:
    """Count a campaign's facts again; returns the days this changes, now marked stale. Raises UserError."""
    if not _change(engine, "delete_exclusion", campaign_id, reason, author):
        raise UserError(f"Campaign {campaign_id} is not excluded: see `eventflow exclude list`.")
    return _mark_days(engine, settings, campaign_id)


def exclusions(engine: Engine) -> Sequence[RowMapping]:
    """The rules in force, oldest first: campaign_id, title, client_id, reason, author, created_at."""
    with connect(engine) as connection:
        return connection.execute(statement("storage/changes/select_exclusions")).mappings().all()


def _change(engine: Engine, verb: str, campaign_id: UUID, reason: str, author: str) -> bool:
    values = {"campaign_id": campaign_id, "reason": reason, "author": author}
    with connect(engine) as connection:
        return connection.execute(statement(f"storage/changes/{verb}"), values).first() is not None


def _mark_days(engine: Engine, settings: Settings, campaign_id: UUID) -> list[date]:
    """A pass over the campaign's own days, so that they heal at the next tick however old they are."""
    found = detect_changes(engine, settings, Scope.NAMED, days_of_campaign(engine, settings, campaign_id))
    return [*found.days]
