"""Replacing one business day: bridge, buckets of every grain and the day's state, in one transaction."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from zoneinfo import ZoneInfo

from sqlalchemy import Connection, Engine, RowMapping

from eventflow_pipeline.domain.days import day_window
from eventflow_pipeline.domain.grains import GRAINS, Grain
from eventflow_pipeline.warehouse.engine import connect, repeatable_read
from eventflow_pipeline.warehouse.locks import day_lock, no_histogram_step
from eventflow_pipeline.warehouse.sql_files import statement

#: Raise it whenever a computing statement gives other numbers for the same facts.
DEFINITION_VERSION = 1
#: A key column that stands for each of select_buckets' parameters (entity and link are two columns each).
_KEY_PARAMETERS = {
    "by_client": "client_id",
    "by_entity": "entity_id",
    "by_link": "link_id",
    "by_utm_source": "utm_source",
    "by_utm_medium": "utm_medium",
    "by_utm_campaign": "utm_campaign",
}


class ParityError(Exception):
    """A day's staged rows do not add up to its facts (E3); the day was rolled back."""


@dataclass(frozen=True, slots=True)
class DayTotals:
    """What a replaced day holds: measures over everything (M1-M3), exclusions (E3), buckets per grain."""

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


def replace_day(engine: Engine, day: date, zone: ZoneInfo, run_id: str | None = None) -> DayTotals:
    """Compute ``day`` from its facts and replace what is stored, whole, also by nothing (mistake 4 of the contract).

    Its return histograms are left pending for ``histograms.settle_histograms``; ranges that contain the day are
    answered from the bridge until then. The day's lock is held from before the snapshot until after the commit;
    readers see the old day or the new.
    ``engine`` must be the pipeline's. Raises ParityError when the result does not account for every fact.
    """
    window = day_window(day, zone)
    bounds = {"window_start": window.start, "window_end": window.end}
    with connect(engine) as connection:
        connection.execute(statement("session_days/create_stage"))
        connection.execute(statement("buckets/create_cells"))
        connection.execute(statement("buckets/create_stage"))
        with no_histogram_step(connection), day_lock(connection, day), repeatable_read(connection):
            connection.execute(statement("session_days/insert_stage"), bounds)
            totals = connection.execute(statement("partition_state/select_day_totals"), bounds).mappings().one()
            _require_parity(day, totals)
            if connection.execute(
                statement("partition_state/select_histogram_included"), {"bucket_date": day}
            ).scalar():
                connection.execute(statement("session_days/insert_changes"), {"bucket_date": day})
            _replace(connection, "session_days", day)
            connection.execute(statement("buckets/insert_cells"))
            for grain in GRAINS:
                connection.execute(statement("buckets/insert_stage"), _grain_parameters(grain))
            _replace(connection, "buckets", day)
            buckets = connection.execute(statement("partition_state/select_bucket_counts")).all()
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
    return DayTotals(day=day, buckets={b.grain: b.buckets for b in buckets}, **measured)


def _grain_parameters(grain: Grain) -> dict[str, object]:
    """The grain as ``buckets/select_buckets`` takes it: its name, and which keys it has."""
    return {"grain": grain.name, **{name: column in grain.keys for name, column in _KEY_PARAMETERS.items()}}


def _replace(connection: Connection, table: str, day: date) -> None:
    """Make the day's stored rows equal to the staged ones, writing only what differs."""
    stored = connection.execute(statement(f"{table}/select_any"), {"bucket_date": day}).scalar_one()
    for step in ("delete_vanished", "insert_appeared") if stored else ("insert_all",):
        connection.execute(statement(f"{table}/{step}"), {"bucket_date": day})


def _require_parity(day: date, totals: RowMapping) -> None:
    """Σ buckets + excluded = raw, for hits and conversions of the day's window (E3)."""
    for measure in ("hits", "conversions"):
        counted, raw = totals[measure] + totals[f"excluded_{measure}"], totals[f"raw_{measure}"]
        if counted != raw:
            raise ParityError(
                f"{day}: {counted} {measure} were attributed or excluded but the facts hold {raw}; the day was left as "
                "it was (a dimension row that matches a fact twice would do this)."
            )
