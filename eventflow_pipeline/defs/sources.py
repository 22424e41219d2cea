"""EventFlow's own tables as external assets: what everything here is computed from, never written by us (C1)."""

import json
from collections.abc import Mapping
from datetime import datetime, timedelta

import dagster as dg

from eventflow_pipeline.defs.rule_links import rules_metadata
from eventflow_pipeline.domain.source_contract import SOURCE_TABLES

OWNERS = ["team:eventflow"]
GROUP = "sources"
#: Each observation is an event that stays in Dagster's database for good.
_OBSERVED_EVERY = timedelta(hours=1)

_DESCRIPTIONS = {
    "event_access_logs": "Fact. One row per recorded visit hit; event time `accessed_at` (T2).",
    "event_survey_entries": "Fact. One row per registration or survey submission, a conversion (M3); event time "
    "`created_at` (T2). Personal columns are never read.",
    "event_survey_campaigns": "Dimension. Campaigns; gives a visit its client (E2).",
    "webinars": "Dimension. Webinars; gives a visit without a campaign its client (E1, E2).",
    "campaign_link_meta": "Dimension. Marketing links of any status; resolves link ids and cids (A1, A2).",
    "webinar_live_presence": "Fact. A viewer's last state on a webinar, overwritten by every ping (P3): a minute "
    "that was not sampled is lost. The pipeline does not see who the viewer is.",
    "webinar_access_logs": "Fact. Five-minute concurrency buckets of the job this project replaces: retries counted, "
    "zeros missing (W2).",
    "clients": "Dimension. Clients: the tenants numbers belong to (P2).",
    "agencies": "Dimension. Agencies, each with clients (P2).",
    "client_members": "Dimension. Who may see a client's numbers (P2).",
    "agency_members": "Dimension. Who may see the numbers of an agency's clients (P2).",
}


def source_key(table: str) -> dg.AssetKey:
    """Key of EventFlow's table ``public.<table>``."""
    return dg.AssetKey(["public", table])


SOURCE_ASSETS = [
    dg.AssetSpec(
        source_key(table.name),
        description=_DESCRIPTIONS[table.name],
        group_name=GROUP,
        kinds={"postgres", "table"},
        owners=OWNERS,
        metadata={
            **rules_metadata(_DESCRIPTIONS[table.name]),
            "dagster/table_name": f"public.{table.name}",
            "dagster/column_schema": dg.TableSchema(
                columns=[
                    dg.TableColumn(
                        name,
                        type=min(types),
                        description=None if name in table.required else "Late addition, may be absent.",
                    )
                    for name, types in {**table.required, **table.optional}.items()
                ]
            ),
        },
    )
    for table in SOURCE_TABLES
]


def observation_due(cursor: str | None, now: datetime) -> bool:
    """Whether the sources are to be observed again, by what ``observe_sources`` returned last."""
    at: float = json.loads(cursor or "{}").get("observed_at", 0)
    return now.timestamp() - at >= _OBSERVED_EVERY.total_seconds()


def observe_sources(
    cursor: str | None, newest: Mapping[str, datetime], now: datetime
) -> tuple[list[dg.AssetObservation], str]:
    """An observation of each table whose newest row (by table, when it was recorded) moved, and the next cursor."""
    before: Mapping[str, str] = json.loads(cursor or "{}").get("newest", {})
    seen = {table: at.isoformat() for table, at in newest.items()}
    moved = [
        dg.AssetObservation(
            source_key(table),
            metadata={"dagster/last_updated_timestamp": dg.MetadataValue.timestamp(at)},
            description="When its newest row was recorded.",
        )
        for table, at in newest.items()
        if seen[table] != before.get(table)
    ]
    return moved, json.dumps({"observed_at": now.timestamp(), "newest": seen})
