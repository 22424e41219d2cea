"""What the catalog shows of the webinar tables, and a day's curves as a picture."""

import base64
import io
from collections.abc import Mapping, Sequence
from itertools import groupby
from zoneinfo import ZoneInfo

import dagster as dg
from sqlalchemy import RowMapping

from eventflow_pipeline.defs.sources import source_key
from eventflow_pipeline.extras import absent_extra
from eventflow_pipeline.warehouse.db.sql import sql_root, sql_text

FIVE_MINUTES = dg.AssetKey(["stats", "webinar_stats_5min"])
DAILY_STATS = dg.AssetKey(["stats", "webinar_stats_daily"])
_SESSION_DAYS = dg.AssetKey(["stats", "session_days"])
PRESENCE, LEGACY, WEBINARS = (source_key(t) for t in ("webinar_live_presence", "webinar_access_logs", "webinars"))

_Column = tuple[str, str, str, Sequence[tuple[dg.AssetKey, str]]]
_BUCKET_COLUMNS: Sequence[_Column] = (
    ("bucket_date", "date", "Business day (T1).", []),
    ("client_id", "uuid", "Client of the webinar; NULL: no such row (C2).", [(WEBINARS, "client_id")]),
    ("webinar_id", "uuid", "Webinar.", [(PRESENCE, "webinar_id"), (LEGACY, "webinar_id")]),
    ("bucket_start", "timestamptz", "UTC floor of five minutes.", [(LEGACY, "time_bucket")]),
    ("source", "text", "`sampled` (ours) or `legacy` (webinar_access_logs as it is), never put together (W2).", []),
    ("sample_count", "integer", "Minutes sampled; below 5 is a visible gap. Legacy: calls counted, retries too.",
     [(PRESENCE, "last_seen_at"), (LEGACY, "sample_count")]),
    ("sum_viewers", "bigint", "Sum over samples.", [(PRESENCE, "last_seen_at"), (LEGACY, "sum_participants")]),
    ("min_viewers", "integer", "Fewest active viewers.", [(PRESENCE, "last_seen_at"), (LEGACY, "min_participants")]),
    ("max_viewers", "integer", "Most active viewers.", [(PRESENCE, "last_seen_at"), (LEGACY, "max_participants")]),
    ("avg_viewers", "numeric", "sum_viewers / sample_count.",
     [(PRESENCE, "last_seen_at"), (LEGACY, "sum_participants")]),
    ("last_viewers", "integer", "The last sample.", [(PRESENCE, "last_seen_at"), (LEGACY, "last_participants")]),
    ("max_at", "timestamptz", "First minute with max_viewers; legacy: the bucket's start.", []),
    ("gaps", "integer", "Minutes that should have been sampled and were not (W1); NULL for legacy.", []),
)  # fmt: skip
_DAILY_COLUMNS: Sequence[_Column] = (
    ("bucket_date", "date", "Business day (T1).", []),
    ("client_id", "uuid", "Client of the webinar; NULL: no such row (C2).", [(WEBINARS, "client_id")]),
    ("webinar_id", "uuid", "Webinar.", [(FIVE_MINUTES, "webinar_id"), (_SESSION_DAYS, "entity_id")]),
    ("source", "text", "Of which buckets peak and average come; NULL: none.", [(FIVE_MINUTES, "source")]),
    ("peak_viewers", "integer", "Most viewers at once.", [(FIVE_MINUTES, "max_viewers")]),
    ("peak_at", "timestamptz", "First minute of the peak.", [(FIVE_MINUTES, "max_at")]),
    ("avg_viewers_live", "numeric", "Average from the webinar's start (or its first viewer) to its last viewer.",
     [(FIVE_MINUTES, "sum_viewers"), (FIVE_MINUTES, "sample_count"), (WEBINARS, "webinar_start_time")]),
    ("minutes_observed", "integer", "Minutes sampled.", [(FIVE_MINUTES, "sample_count")]),
    ("minutes_missed", "integer", "Minutes that should have been and were not.", [(FIVE_MINUTES, "gaps")]),
    ("unique_viewers", "integer", "Viewers active at some time of the day, by presence; NULL: not known.",
     [(PRESENCE, "joined_at"), (PRESENCE, "last_seen_at")]),
    ("hits", "bigint", "Visit rows of the webinar and its registration campaign (W3, M1).", [(_SESSION_DAYS, "hits")]),
    ("visits", "bigint", "Distinct sessions over both (W3, M2): never add it up.", [(_SESSION_DAYS, "session_id")]),
    ("conversions", "bigint", "Entries of the registration campaign (W3, M3).", [(_SESSION_DAYS, "conversions")]),
    ("campaign_shared", "boolean", "Another webinar names the same campaign: rows do not add up (W3).",
     [(WEBINARS, "registration_campaign_id")]),
)  # fmt: skip


def _table(key: dg.AssetKey, columns: Sequence[_Column], sql: str) -> dict[str, object]:
    lineage = {
        name: [dg.TableColumnDep(asset_key=asset, column_name=column) for asset, column in sources]
        for name, _, _, sources in columns
        if sources
    }
    return {
        "dagster/table_name": ".".join(key.path),
        "dagster/column_schema": dg.TableSchema(
            columns=[dg.TableColumn(name, type=kind, description=text) for name, kind, text, _ in columns]
        ),
        "dagster/column_lineage": dg.TableColumnLineage(lineage),
        "dagster/code_references": dg.CodeReferencesMetadataValue(
            code_references=[
                dg.LocalFileCodeReference(file_path=str(sql_root() / f"{sql}.sql"), line_number=1, label=sql)
            ]
        ),
        "definition": dg.MetadataValue.md(f"`sql/{sql}.sql`\n\n```sql\n{sql_text(sql)}\n```"),
    }


def five_minute_metadata() -> dict[str, object]:
    """Metadata of the five-minute buckets."""
    return _table(FIVE_MINUTES, _BUCKET_COLUMNS, "numbers/webinar_5min")


def daily_metadata() -> dict[str, object]:
    """Metadata of the days."""
    return _table(DAILY_STATS, _DAILY_COLUMNS, "numbers/webinar_daily")


def curve_picture(rows: Sequence[RowMapping], title: str, zone: ZoneInfo) -> dg.MarkdownMetadataValue:
    """The curves of ``warehouse.webinar.reads.curves`` as a picture in Markdown, local times of ``zone``.

    Webinars are letters in the picture and named below it: its font may not have their titles' script.
    Ours: average as a line within minimum and maximum, gaps left open and marked below. Legacy: dotted.
    A picture is no reason to fail a day: without the extra ``report`` a sentence stands in its place.
    """
    try:
        from matplotlib.dates import DateFormatter
        from matplotlib.figure import Figure
    except ModuleNotFoundError as problem:
        return dg.MetadataValue.md(str(absent_extra(problem) or problem))

    figure = Figure(figsize=(9, 3.2), dpi=70, layout="constrained")
    axes = figure.subplots()
    letters: dict[str, str] = {}
    names: list[str] = []
    for (webinar, source), group in groupby(rows, key=lambda row: (str(row["webinar_id"]), str(row["source"]))):
        curve = list(group)
        if webinar not in letters:
            letters[webinar] = chr(ord("A") + len(letters))
            names.append(f"{letters[webinar]}: {curve[0]['title']}")
        letter = letters[webinar]
        colour = f"C{ord(letter) - ord('A')}"
        times = [row["bucket_start"] for row in curve]
        average = [_number(row["avg_viewers"]) for row in curve]
        if source == "legacy":
            axes.plot(times, average, color="black", linestyle=":", alpha=0.7, label=f"{letter} (legacy)")
            continue
        axes.plot(times, average, color=colour, label=letter)
        lowest = [_number(row["min_viewers"]) for row in curve]
        highest = [_number(row["max_viewers"]) for row in curve]
        axes.fill_between(times, lowest, highest, color=colour, alpha=0.25, linewidth=0)
        holes = [row["bucket_start"] for row in curve if row["gaps"]]
        axes.plot(holes, [0] * len(holes), "x", color="red", label="minutes missed" if holes else None)
    axes.set_ylim(bottom=0)
    axes.set_ylabel("viewers")
    axes.set_title(title)
    axes.xaxis.set_major_formatter(DateFormatter("%H:%M", tz=zone))  # type: ignore[no-untyped-call]
    axes.grid(alpha=0.3)
    axes.legend(loc="best", fontsize="small")
    png = io.BytesIO()
    figure.savefig(png, format="png")
    picture = f"![{title}](data:image/png;base64,{base64.b64encode(png.getvalue()).decode()})"
    return dg.MetadataValue.md("\n\n".join([picture, *names]))


def _number(value: object) -> float:
    """A measure to draw; nothing measured leaves a hole."""
    return float("nan") if value is None else float(str(value))


def numbers(**found: float | int | None) -> Mapping[str, float | int]:
    """Those that are known: Dagster plots them by partition."""
    return {name: value for name, value in found.items() if value is not None}
