"""What the catalog shows of the daily tables: key, columns, where they come from, the SQL that computes them."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache

import dagster as dg

from eventflow_pipeline.defs.partitions import DAILY
from eventflow_pipeline.defs.rule_links import rules_metadata
from eventflow_pipeline.defs.sources import OWNERS, source_key
from eventflow_pipeline.domain.grains import BY_NAME, GRAINS, KEY_COLUMNS, MEASURES, Grain
from eventflow_pipeline.warehouse.db.sql import full_text, sql_root, sql_text

#: Where a column comes from: column of an asset.
_Source = tuple[dg.AssetKey, str]


_COLUMN_TEXT = re.compile(r"^ +\('([a-z0-9_ ]+)', '([a-z0-9_ ]+)', '((?:[^']|'')+)'\)", re.MULTILINE)


@cache
def column_texts(table: str) -> Mapping[str, str]:
    """What each column of the published table ``stats.<table>`` holds, as its comment in the database says."""
    described = _COLUMN_TEXT.findall(sql_text("schema/12_tables"))
    return {
        column: content.replace("''", "'")
        for tables, columns, content in described
        if table in tables.split()
        for column in columns.split()
    }


@dataclass(frozen=True, slots=True)
class Table:
    """A table of ``stats``: name, type and sources of each column; the file of SQL that says what it holds."""

    key: dg.AssetKey
    columns: Sequence[tuple[str, str, Sequence[_Source]]]
    sql: str
    #: The partitioned table whose columns it has, where it is a partition.
    parent: str | None = None

    def metadata(self) -> dict[str, object]:
        """Metadata of its asset, as Dagster names it."""
        file = sql_root() / f"{self.sql}.sql"
        lineage = {
            name: [dg.TableColumnDep(asset_key=asset, column_name=column) for asset, column in sources]
            for name, _, sources in self.columns
            if sources
        }
        texts = column_texts(self.parent or self.key.path[-1])
        reference = dg.LocalFileCodeReference(file_path=str(file), line_number=1, label=self.sql)
        return {
            "dagster/table_name": ".".join(self.key.path),
            "dagster/column_schema": dg.TableSchema(
                columns=[
                    dg.TableColumn(name, type=kind, description=texts[name] + _origin(sources))
                    for name, kind, sources in self.columns
                ]
            ),
            "dagster/column_lineage": dg.TableColumnLineage(lineage),
            "dagster/code_references": dg.CodeReferencesMetadataValue(code_references=[reference]),
            "definition": dg.MetadataValue.md(f"`sql/{self.sql}.sql`\n\n```sql\n{full_text(self.sql)}\n```"),
        }


def _origin(sources: Sequence[_Source]) -> str:
    """Where a column comes from, in words: the lineage of columns is drawn by Dagster+ alone."""
    named = ", ".join(f"{asset.path[-1]}.{column}" for asset, column in sources)
    return f" From {named}." if named else ""


def daily_spec(
    table: Table, deps: Iterable[dg.AssetKey], group: str, description: str, code_version: str | None = None
) -> dg.AssetSpec:
    """Spec of a daily table; its description cites the rules that the page of rules has."""
    return dg.AssetSpec(
        table.key,
        deps=list(deps),
        description=description,
        metadata={**table.metadata(), **rules_metadata(description)},
        group_name=group,
        kinds={"postgres", "sql"},
        owners=OWNERS,
        code_version=code_version,
        partitions_def=DAILY,
    )


def stats_key(table: str) -> dg.AssetKey:
    """Key of the table ``stats.<table>``."""
    return dg.AssetKey(["stats", table])


def bucket_key(grain: Grain) -> dg.AssetKey:
    """Key of the grain's bucket table."""
    return stats_key(grain.table)


VISITS, ENTRIES, LINKS = "event_access_logs", "event_survey_entries", "campaign_link_meta"
PRESENCE, LEGACY, WEBINARS = (source_key(t) for t in ("webinar_live_presence", "webinar_access_logs", "webinars"))
SESSION_DAYS, CAMPAIGN_HOURS = stats_key("session_days"), stats_key("campaign_hourly")
#: The indicators, measured after the buckets (``defs.indicators``).
QUALITY = stats_key("quality_daily")
FIVE_MINUTES, WEBINAR_DAYS = stats_key("webinar_stats_5min"), stats_key("webinar_stats_daily")

_TYPES: Mapping[str, str] = {
    **dict.fromkeys(KEY_COLUMNS, "text"),
    **dict.fromkeys(("client_id", "entity_id", "link_id"), "uuid"),
    **dict.fromkeys(MEASURES, "bigint"),
    "bucket_date": "date",
    "bucket_hour": "timestamptz",
    "session_id": "text",
}

#: Where a table stores a column as another type than most do.
_STORED_AS: Mapping[str, Mapping[str, str]] = {
    "session_days": {"hits": "integer", "conversions": "integer"},
    **{grain.table: {"entity_type": "stats.entity_type", "link_status": "stats.link_status"} for grain in GRAINS},
}

_FROM_FACTS: Mapping[str, Sequence[tuple[str, str]]] = {
    "bucket_date": [(VISITS, "accessed_at"), (ENTRIES, "created_at")],
    "bucket_hour": [(VISITS, "accessed_at"), (ENTRIES, "created_at")],
    "client_id": [("event_survey_campaigns", "client_id"), ("webinars", "client_id"), (ENTRIES, "client_id")],
    "entity_type": [(VISITS, "campaign_id"), (VISITS, "webinar_id"), (ENTRIES, "campaign_id")],
    "entity_id": [(VISITS, "campaign_id"), (VISITS, "webinar_id"), (ENTRIES, "campaign_id")],
    "link_id": [
        (VISITS, "marketing_campaign_link_id"),
        (ENTRIES, "marketing_campaign_link_id"),
        (VISITS, "cid"),
        (ENTRIES, "registration_data"),
        (LINKS, "id"),
    ],
    "link_status": [(VISITS, "marketing_campaign_link_id"), (VISITS, "cid"), (LINKS, "id"), (LINKS, "cid")],
    **{utm: [(VISITS, utm), (ENTRIES, utm), (LINKS, utm)] for utm in ("utm_source", "utm_medium", "utm_campaign")},
    "session_id": [(VISITS, "session_id")],
    "hits": [(VISITS, "id")],
    "visits": [(VISITS, "session_id")],
    "sessionless_hits": [(VISITS, "session_id")],
    "conversions": [(ENTRIES, "id")],
}

_FROM_SESSION_DAYS: Mapping[str, Sequence[str]] = {
    "visits": ["session_id"],
    "sessionless_hits": ["hits", "session_id"],
}


def _facts_table(
    key: dg.AssetKey,
    columns: Sequence[str],
    sql: str,
    sources: Mapping[str, Sequence[_Source]],
    parent: str | None = None,
) -> Table:
    types = {**_TYPES, **_STORED_AS.get(key.path[-1], {})}
    return Table(key, [(name, types[name], sources[name]) for name in columns], sql, parent)


_FACTS = {name: [(source_key(t), c) for t, c in sources] for name, sources in _FROM_FACTS.items()}
SESSION_DAYS_TABLE = _facts_table(
    SESSION_DAYS,
    ("bucket_date", *KEY_COLUMNS, "session_id", "hits", "conversions"),
    "numbers/session_days",
    _FACTS,
)
CAMPAIGN_HOURS_TABLE = _facts_table(
    CAMPAIGN_HOURS,
    ("bucket_date", "bucket_hour", *BY_NAME["campaign"].keys, *MEASURES),
    "numbers/campaign_hours",
    _FACTS,
)


def bucket_table(grain: Grain) -> Table:
    """The daily buckets of one grain, counted from the session-days."""
    columns = ("bucket_date", *grain.keys, *MEASURES)
    sources = {name: [(SESSION_DAYS, s) for s in _FROM_SESSION_DAYS.get(name, [name])] for name in columns}
    return _facts_table(bucket_key(grain), columns, "numbers/buckets", sources, "bucket_daily")


FIVE_MINUTES_TABLE = Table(
    FIVE_MINUTES,
    (
        ("bucket_date", "date", []),
        ("client_id", "uuid", [(WEBINARS, "client_id")]),
        ("webinar_id", "uuid", [(PRESENCE, "webinar_id"), (LEGACY, "webinar_id")]),
        ("bucket_start", "timestamptz", [(LEGACY, "time_bucket")]),
        ("source", "text", []),
        ("sample_count", "integer", [(PRESENCE, "last_seen_at"), (LEGACY, "sample_count")]),
        ("sum_viewers", "bigint", [(PRESENCE, "last_seen_at"), (LEGACY, "sum_participants")]),
        ("min_viewers", "integer", [(PRESENCE, "last_seen_at"), (LEGACY, "min_participants")]),
        ("max_viewers", "integer", [(PRESENCE, "last_seen_at"), (LEGACY, "max_participants")]),
        ("avg_viewers", "numeric", [(PRESENCE, "last_seen_at"), (LEGACY, "sum_participants")]),
        ("last_viewers", "integer", [(PRESENCE, "last_seen_at"), (LEGACY, "last_participants")]),
        ("max_at", "timestamptz", []),
        ("gaps", "integer", []),
    ),
    "numbers/webinar_5min",
)
WEBINAR_DAYS_TABLE = Table(
    WEBINAR_DAYS,
    (
        ("bucket_date", "date", []),
        ("client_id", "uuid", [(WEBINARS, "client_id")]),
        ("webinar_id", "uuid", [(FIVE_MINUTES, "webinar_id"), (SESSION_DAYS, "entity_id")]),
        ("source", "text", [(FIVE_MINUTES, "source")]),
        ("peak_viewers", "integer", [(FIVE_MINUTES, "max_viewers")]),
        ("peak_at", "timestamptz", [(FIVE_MINUTES, "max_at")]),
        (
            "avg_viewers_live",
            "numeric",
            [(FIVE_MINUTES, "sum_viewers"), (FIVE_MINUTES, "sample_count"), (WEBINARS, "webinar_start_time")],
        ),
        ("minutes_observed", "integer", [(FIVE_MINUTES, "sample_count")]),
        ("minutes_missed", "integer", [(FIVE_MINUTES, "gaps")]),
        ("unique_viewers", "integer", [(PRESENCE, "joined_at"), (PRESENCE, "last_seen_at")]),
        ("hits", "bigint", [(SESSION_DAYS, "hits")]),
        ("visits", "bigint", [(SESSION_DAYS, "session_id")]),
        ("conversions", "bigint", [(SESSION_DAYS, "conversions")]),
        ("campaign_shared", "boolean", [(WEBINARS, "registration_campaign_id")]),
    ),
    "numbers/webinar_daily",
)
