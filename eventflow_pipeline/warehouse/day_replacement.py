"""Replacing one business day: bridge, buckets of every grain, hour buckets and the day's state, in one transaction."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, Engine, RowMapping

from eventflow_pipeline.domain.days import day_window
from eventflow_pipeline.settings import Settings
from eventflow_pipeline.warehouse.bridge_pruning import require_bridge
from eventflow_pipeline.warehouse.engine import connect, repeatable_read
from eventflow_pipeline.warehouse.locks import day_lock, no_histogram_step
from eventflow_pipeline.warehouse.sql_files import statement

#: Raise it whenever a computing statement gives other numbers for the same facts.
DEFINITION_VERSION = 1


class ParityError(Exception):
    """A day's staged rows do not add up to its facts (E3); the day was rolled back."""


@dataclass(frozen=True, slots=True)
class DayTotals:
    """What a replaced day holds: measures over everything (M1-M3), exclusions (E3), buckets, hour buckets (B1)."""

    day: date
    session_days: int
    hits: int
    visits: int
    sessionless_hits: int
    conversions: int
    unknown_link_hits: int
    unresolved_link_hits: int
    unknown_client_hits: int
    excluded_hits: int
    excluded_conversions: int
    watermark: datetime | None
    buckets: Mapping[str, int]
    campaign_hours: int


def replace_day(engine: Engine, day: date, settings: Settings, run_id: str | None = None) -> DayTotals:
    """Compute ``day`` from its facts and replace what is stored, whole, also by nothing (mistake 4 of the contract).

    Its return histograms are left pending for ``histograms.settle_histograms``; ranges that contain the day are
    answered from the bridge until then. The day's lock is held from before the snapshot until after the commit;
    readers see the old day or the new.
    ``engine`` must be the pipeline's. Raises ParityError when the result does not account for every fact,
    UserError when the pruned bridge no longer reaches the day.
    """
    window = day_window(day, settings.zone)
    bounds = {"window_start": window.start, "window_end": window.end}
    with connect(engine) as connection:
        connection.execute(statement("session_days/create_stage"))
        connection.execute(statement("buckets/create_stage"))
        with no_histogram_step(connection), day_lock(connection, day), repeatable_read(connection):
            require_bridge(connection, day)
            connection.execute(statement("session_days/insert_stage"), bounds)
            totals = connection.execute(statement("partition_state/select_day_totals"), bounds).mappings().one()
            _require_parity(day, totals)
            if connection.execute(
                statement("partition_state/select_histogram_included"), {"bucket_date": day}
            ).scalar():
                connection.execute(statement("session_days/insert_changes"), {"bucket_date": day})
            _replace(connection, "session_days", day)
            connection.execute(statement("buckets/insert_stage"), {"bucket_date": day})
            _replace(connection, "buckets", day)
            buckets = connection.execute(statement("partition_state/select_bucket_counts")).all()
            campaign_hours = _replace_hours(connection, day, {**bounds, **_hourly(settings)})
            measured = {k: v for k, v in totals.items() if not k.startswith("raw_")}
            connection.execute(
                statement("partition_state/upsert_partition_state"),
                {
                    **measured,
                    **bounds,
                    "bucket_date": day,
                    "definition_version": DEFINITION_VERSION,
                    "run_id": run_id,
                },
            )
    return DayTotals(day=day, buckets={b.grain: b.buckets for b in buckets}, campaign_hours=campaign_hours, **measured)


def _replace(connection: Connection, table: str, day: date) -> None:
    """Make the day's stored rows equal to the staged ones, writing only what differs."""
    for step in ("delete_vanished", "insert_appeared"):
        connection.execute(statement(f"{table}/{step}"), {"bucket_date": day})


def _hourly(settings: Settings) -> dict[str, list[UUID]]:
    return {"clients": list(settings.hourly_clients), "campaigns": list(settings.hourly_campaigns)}


def _replace_hours(connection: Connection, day: date, parameters: Mapping[str, Any]) -> int:
    """Replace the day's hour buckets (B1); where nobody is listed, facts are not read for them. Returns how many."""
    connection.execute(statement("campaign_hours/delete_campaign_hours"), {"bucket_date": day})
    if not (parameters["clients"] or parameters["campaigns"]):
        return 0
    inserted = connection.execute(statement("campaign_hours/insert_campaign_hours"), {**parameters, "bucket_date": day})
    return inserted.rowcount


def _require_parity(day: date, totals: RowMapping) -> None:
    """Σ buckets + excluded = raw, for hits and conversions of the day's window (E3)."""
    for measure in ("hits", "conversions"):
        counted, raw = totals[measure] + totals[f"excluded_{measure}"], totals[f"raw_{measure}"]
        if counted != raw:
            raise ParityError(
                f"{day}: {counted} {measure} were attributed or excluded but the facts hold {raw}; the day was left as "
                "it was (a dimension row that matches a fact twice would do this)."
            )
