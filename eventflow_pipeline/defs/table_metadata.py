"""What the catalog shows of a bucket table: columns, where they come from, and the SQL that computes it."""

from collections.abc import Mapping, Sequence

import dagster as dg

from eventflow_pipeline.defs.sources import source_key
from eventflow_pipeline.domain.grains import BY_NAME, GRAINS, KEY_COLUMNS, MEASURES, Grain
from eventflow_pipeline.warehouse.db.sql import full_text, sql_root

VISITS, ENTRIES, LINKS = "event_access_logs", "event_survey_entries", "campaign_link_meta"
SESSION_DAYS = dg.AssetKey(["stats", "session_days"])
CAMPAIGN_HOURS = dg.AssetKey(["stats", "campaign_hourly"])

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


def _schema(table: str, columns: Sequence[str]) -> dg.TableSchema:
    types = {**{name: _COLUMNS[name][0] for name in columns}, **_STORED_AS.get(table, {})}
    return dg.TableSchema(
        columns=[dg.TableColumn(name, type=types[name], description=_COLUMNS[name][1]) for name in columns]
    )


def _table(name: str, columns: Sequence[str], lineage: dg.TableColumnLineage, sql: str) -> dict[str, object]:
    return {
        "dagster/table_name": f"stats.{name}",
        "dagster/column_schema": _schema(name, columns),
        "dagster/column_lineage": lineage,
        "dagster/code_references": dg.CodeReferencesMetadataValue(
            code_references=[
                dg.LocalFileCodeReference(file_path=str(sql_root() / f"{sql}.sql"), line_number=1, label=sql)
            ]
        ),
        "definition": dg.MetadataValue.md(f"`sql/{sql}.sql`\n\n```sql\n{full_text(sql)}\n```"),
    }


def _from_facts(table: str, columns: Sequence[str], sql: str) -> dict[str, object]:
    lineage = dg.TableColumnLineage(
        {
            column: [dg.TableColumnDep(asset_key=source_key(t), column_name=c) for t, c in _FROM_FACTS[column]]
            for column in columns
        }
    )
    return _table(table, columns, lineage, sql)


def session_days_metadata() -> dict[str, object]:
    """Metadata of the session-days."""
    columns = ("bucket_date", *KEY_COLUMNS, "session_id", "hits", "conversions")
    return _from_facts("session_days", columns, "numbers/session_days")


def campaign_hours_metadata() -> dict[str, object]:
    """Metadata of the hour buckets (B1)."""
    columns = ("bucket_date", "bucket_hour", *BY_NAME["campaign"].keys, *MEASURES)
    return _from_facts("campaign_hourly", columns, "numbers/campaign_hours")


def buckets_metadata(grain: Grain) -> dict[str, object]:
    """Metadata of the daily buckets of one grain."""
    columns = ("bucket_date", *grain.keys, *MEASURES)
    lineage = dg.TableColumnLineage(
        {
            column: [
                dg.TableColumnDep(asset_key=SESSION_DAYS, column_name=source)
                for source in _FROM_SESSION_DAYS.get(column, [column])
            ]
            for column in columns
        }
    )
    return _table(grain.table, columns, lineage, "numbers/buckets")
