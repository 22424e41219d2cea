"""What the catalog shows of the daily tables: key, columns, where they come from, the SQL that computes them."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import dagster as dg

from eventflow_pipeline.defs.partitions import DAILY
from eventflow_pipeline.defs.rule_links import rules_metadata
from eventflow_pipeline.defs.sources import OWNERS, source_key
from eventflow_pipeline.domain.grains import BY_NAME, GRAINS, KEY_COLUMNS, MEASURES, Grain
from eventflow_pipeline.warehouse.db.sql import full_text, sql_root

#: Where a column comes from: column of an asset.
_Source = tuple[dg.AssetKey, str]


@dataclass(frozen=True, slots=True)
class Table:
    """A table of ``stats``: name, type, text and sources of each column; the file of SQL that says what it holds."""

    key: dg.AssetKey
    columns: Sequence[tuple[str, str, str, Sequence[_Source]]]
    sql: str

    def metadata(self) -> dict[str, object]:
        """Metadata of its asset, as Dagster names it."""
        file = sql_root() / f"{self.sql}.sql"
        lineage = {
            name: [dg.TableColumnDep(asset_key=asset, column_name=column) for asset, column in sources]
            for name, _, _, sources in self.columns
            if sources
        }
        reference = dg.LocalFileCodeReference(file_path=str(file), line_number=1, label=self.sql)
        return {
            "dagster/table_name": ".".join(self.key.path),
            "dagster/column_schema": dg.TableSchema(
                columns=[dg.TableColumn(name, type=kind, description=text) for name, kind, text, _ in self.columns]
            ),
            "dagster/column_lineage": dg.TableColumnLineage(lineage),
            "dagster/code_references": dg.CodeReferencesMetadataValue(code_references=[reference]),
            "definition": dg.MetadataValue.md(f"`sql/{self.sql}.sql`\n\n```sql\n{full_text(self.sql)}\n```"),
        }


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
FIVE_MINUTES, WEBINAR_DAYS = stats_key("webinar_stats_5min"), stats_key("webinar_stats_daily")

_COLUMNS: Mapping[str, tuple[str, str]] = {
    "bucket_date": ("date", "Business day (T1)."),
    "bucket_hour": ("timestamptz", "UTC hour (T2); a zone at :30 has two rows for an hour that midnight splits."),
    "client_id": ("uuid", "Client of the fact's entity, or of the entry; NULL: unknown client (E2)."),
    "entity_type": ("text", "`campaign`, `webinar` or `unknown` (E1)."),
    "entity_id": ("uuid", "Campaign or webinar, also where no such row exists (E1)."),
    "link_id": ("uuid", "Marketing link, by id or by cid within the client (A1)."),
    "link_status": ("text", "`resolved`, `unresolved` or `unknown` (A2)."),
    "utm_source": ("text", "UTM source, normalized, or the link's (A3, N1); NULL: unknown."),
    "utm_medium": ("text", "UTM medium (A3, N1); NULL: unknown."),
    "utm_campaign": ("text", "UTM campaign (A3, N1); NULL: unknown."),
    "session_id": ("text", "Visit session (S1), normalized (N1); NULL: sessionless hits and entries."),
    "hits": ("bigint", "Visit rows (M1)."),
    "visits": ("bigint", "Distinct sessions, exact at this grain (M2): never add it up."),
    "sessionless_hits": ("bigint", "Visit rows without a session (M2)."),
    "conversions": ("bigint", "Distinct entries (M3)."),
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


def _facts_table(key: dg.AssetKey, columns: Sequence[str], sql: str, sources: Mapping[str, Sequence[_Source]]) -> Table:
    types = {name: kind for name, (kind, _) in _COLUMNS.items()} | dict(_STORED_AS.get(key.path[-1], {}))
    return Table(key, [(name, types[name], _COLUMNS[name][1], sources[name]) for name in columns], sql)


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
    return _facts_table(bucket_key(grain), columns, "numbers/buckets", sources)


FIVE_MINUTES_TABLE = Table(
    FIVE_MINUTES,
    (
        ("bucket_date", "date", "Business day (T1).", []),
        ("client_id", "uuid", "Client of the webinar; NULL: no such row (C2).", [(WEBINARS, "client_id")]),
        ("webinar_id", "uuid", "Webinar.", [(PRESENCE, "webinar_id"), (LEGACY, "webinar_id")]),
        ("bucket_start", "timestamptz", "UTC floor of five minutes.", [(LEGACY, "time_bucket")]),
        ("source", "text", "`sampled` (ours) or `legacy` (webinar_access_logs as it is), never put together (W2).", []),
        ("sample_count", "integer", "Minutes sampled; below 5 is a visible gap. Legacy: calls counted, retries too.",
         [(PRESENCE, "last_seen_at"), (LEGACY, "sample_count")]),
        ("sum_viewers", "bigint", "Sum over samples.", [(PRESENCE, "last_seen_at"), (LEGACY, "sum_participants")]),
        ("min_viewers", "integer", "Fewest active viewers.",
         [(PRESENCE, "last_seen_at"), (LEGACY, "min_participants")]),
        ("max_viewers", "integer", "Most active viewers.", [(PRESENCE, "last_seen_at"), (LEGACY, "max_participants")]),
        ("avg_viewers", "numeric", "sum_viewers / sample_count.",
         [(PRESENCE, "last_seen_at"), (LEGACY, "sum_participants")]),
        ("last_viewers", "integer", "The last sample.", [(PRESENCE, "last_seen_at"), (LEGACY, "last_participants")]),
        ("max_at", "timestamptz", "First minute with max_viewers; legacy: the bucket's start.", []),
        ("gaps", "integer", "Minutes that should have been sampled and were not (W1); NULL for legacy.", []),
    ),
    "numbers/webinar_5min",
)  # fmt: skip
WEBINAR_DAYS_TABLE = Table(
    WEBINAR_DAYS,
    (
        ("bucket_date", "date", "Business day (T1).", []),
        ("client_id", "uuid", "Client of the webinar; NULL: no such row (C2).", [(WEBINARS, "client_id")]),
        ("webinar_id", "uuid", "Webinar.", [(FIVE_MINUTES, "webinar_id"), (SESSION_DAYS, "entity_id")]),
        ("source", "text", "Of which buckets peak and average come; NULL: none.", [(FIVE_MINUTES, "source")]),
        ("peak_viewers", "integer", "Most viewers at once.", [(FIVE_MINUTES, "max_viewers")]),
        ("peak_at", "timestamptz", "First minute of the peak.", [(FIVE_MINUTES, "max_at")]),
        ("avg_viewers_live", "numeric", "Average from the webinar's start (or its first viewer) to its last viewer.",
         [(FIVE_MINUTES, "sum_viewers"), (FIVE_MINUTES, "sample_count"), (WEBINARS, "webinar_start_time")]),
        ("minutes_observed", "integer", "Minutes sampled.", [(FIVE_MINUTES, "sample_count")]),
        ("minutes_missed", "integer", "Minutes that should have been and were not.", [(FIVE_MINUTES, "gaps")]),
        ("unique_viewers", "integer", "Viewers active at some time of the day, by presence; NULL: not known.",
         [(PRESENCE, "joined_at"), (PRESENCE, "last_seen_at")]),
        ("hits", "bigint", "Visit rows of the webinar and its registration campaign (W3, M1).",
         [(SESSION_DAYS, "hits")]),
        ("visits", "bigint", "Distinct sessions over both (W3, M2): never add it up.", [(SESSION_DAYS, "session_id")]),
        ("conversions", "bigint", "Entries of the registration campaign (W3, M3).", [(SESSION_DAYS, "conversions")]),
        ("campaign_shared", "boolean", "Another webinar names the same campaign: rows do not add up (W3).",
         [(WEBINARS, "registration_campaign_id")]),
    ),
    "numbers/webinar_daily",
)  # fmt: skip
