"""Data-quality indicators as an asset of their own: measured after the buckets, in a transaction of their own.

They are judgements about facts, not numbers anybody is billed on, so they never hold up or fail a day's buckets.
"""

from collections.abc import Hashable, Iterator, Sequence
from datetime import date
from typing import Any

import dagster as dg

from eventflow_pipeline.defs.catalog import QUALITY, bucket_key, column_texts
from eventflow_pipeline.defs.dagster_internals.private import planned_in
from eventflow_pipeline.defs.partitions import DAILY, DAYS_PER_RUN
from eventflow_pipeline.defs.quality import QUALITY_KEYS, evaluate
from eventflow_pipeline.defs.recording import FinishedDay, Recorded, record_days
from eventflow_pipeline.defs.resources import Warehouse
from eventflow_pipeline.defs.rule_links import rules_metadata
from eventflow_pipeline.defs.sources import OWNERS, source_key
from eventflow_pipeline.domain.days import contiguous
from eventflow_pipeline.domain.grains import BY_NAME
from eventflow_pipeline.domain.quality import Indicators
from eventflow_pipeline.warehouse.days.range_replacement import FailedDay
from eventflow_pipeline.warehouse.db.sql import sql_text
from eventflow_pipeline.warehouse.quality.indicators import indicators, measure
from eventflow_pipeline.warehouse.ranges.histograms import has_pending, merge_pending

GROUP = "quality"
_COLUMNS = {**dict.fromkeys(("bucket_date", "scope", "client_id"), ""), **column_texts(QUALITY.path[-1])}
_DESCRIPTION = (
    "Data-quality indicators (Q1-Q7) of each business day, for everything and per client, as counts; rates are derived "
    "when read. Here the platform's are plotted; `get_data_quality(client, from, to)` gives a client's."
)
_TYPES = {
    "bucket_date": "date",
    "scope": "text",
    "client_id": "uuid",
    "suspected_clones": "jsonb",
    "busiest_sessions": "jsonb",
    "linkage_input": "text",
    "derived_from": "text",
    "remarked_at": "timestamptz",
    "measured_at": "timestamptz",
}


def rates(row: Indicators) -> dict[str, float]:
    """The indicators of a row of stats.quality_daily as rates; one without a denominator is left out."""
    found: dict[str, float] = {}
    for facts in ("hits", "entries"):
        for name, part in {
            "utm_fill_captured": row[f"captured_utm_{facts}"],
            "utm_fill": row[f"utm_{facts}"],
            "resolved_link": row[f"resolved_link_{facts}"],
            "unresolved_link": row[f"unresolved_link_{facts}"],
            "unknown_link": row[f"unknown_link_{facts}"],
            "unknown_client": row[f"unknown_client_{facts}"],
            "unknown_entity": row[f"unknown_entity_{facts}"],
            "sessionless": row[f"sessionless_{facts}"],
        }.items():
            if row[facts]:
                found[f"{name}_{facts}"] = float(part / row[facts])
        if row[f"supplied_cid_{facts}"]:
            found[f"malformed_cid_{facts}"] = float(row[f"malformed_cid_{facts}"] / row[f"supplied_cid_{facts}"])
    if row["entries"]:
        found["visits_per_entry"] = float(row["visits"] / row["entries"])
        if row["linked_entries"] is not None:
            found["linkage"] = float(row["linked_entries"] / row["entries"])
    return found


def _numbers(row: Indicators) -> dict[str, Any]:
    """What is plotted of a day: its platform row."""
    counts = ("hits", "visits", "entries", "foreign_entries", "excluded_hits", "excluded_entries")
    return {
        **{name: row[name] for name in counts},
        **{name: row[name] or 0 for name in ("out_of_range_hits", "out_of_range_entries")},
        "suspected_clones": len(row["suspected_clones"]),
        **rates(row),
    }


@dg.asset(
    key=QUALITY,
    deps=[
        bucket_key(BY_NAME["client"]),
        *(source_key(t) for t in ("event_access_logs", "event_survey_entries", "event_survey_campaigns")),
    ],
    partitions_def=DAILY,
    backfill_policy=DAYS_PER_RUN,
    group_name=GROUP,
    kinds={"postgres", "sql"},
    owners=OWNERS,
    description=_DESCRIPTION,
    metadata={
        **rules_metadata(_DESCRIPTION),
        "dagster/table_name": "stats.quality_daily",
        "dagster/column_schema": dg.TableSchema(
            [
                dg.TableColumn(name, type=_TYPES.get(name, "bigint"), description=description)
                for name, description in _COLUMNS.items()
            ]
        ),
        "definition": dg.MetadataValue.md(f"```sql\n{sql_text('numbers/quality')}\n```"),
    },
)
def quality_daily(context: dg.AssetExecutionContext, warehouse: Warehouse) -> Iterator[Recorded]:
    """Measure the indicators of the run's days; and merge the return histograms that a run before left pending."""
    days = sorted(date.fromisoformat(key) for key in context.partition_keys)

    def measured() -> Iterator[FinishedDay | FailedDay]:
        yield from warehouse.begun(_measuring(days), lambda: list(measured_days(warehouse, days)))
        if has_pending(warehouse.engine):
            merge_pending(warehouse.engine)

    def check(done: Sequence[date]) -> None:
        evaluate(context, warehouse, done, QUALITY_KEYS)

    yield from record_days(context, (QUALITY,), measured(), "indicators", check)


def begin_measuring(context: dg.AssetExecutionContext, warehouse: Warehouse) -> None:
    """Begin what the step of the indicators is to do in this run: parity, which comes first, reads the same facts."""
    materialized, _ = planned_in(context)
    if QUALITY in materialized:
        days = sorted(date.fromisoformat(key) for key in context.partition_keys)
        warehouse.begin(_measuring(days), lambda: list(measured_days(warehouse, days)))


def _measuring(days: Sequence[date]) -> Hashable:
    return QUALITY, tuple(days)


def measured_days(warehouse: Warehouse, days: Sequence[date]) -> Iterator[FinishedDay | FailedDay]:
    """Measure ``days`` (oldest first) and give each with its numbers, or why it could not be measured."""
    engine, settings = warehouse.engine, warehouse.settings
    for part in contiguous(days):
        failed = measure(engine, settings, part)
        platform = {row["bucket_date"]: row for row in indicators(engine, settings, part) if row["scope"] == "platform"}
        for day in part:
            if problem := failed.get(day):
                yield FailedDay(day, problem)
            else:
                row = platform[day]
                yield FinishedDay(
                    day, f"{row['hits']} hits, {row['entries']} entries measured", {QUALITY: _numbers(row)}
                )
