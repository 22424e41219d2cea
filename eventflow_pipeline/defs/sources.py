"""EventFlow's own tables as external assets: what everything here is computed from, never written by us (C1)."""

import json
from collections.abc import Mapping
from datetime import datetime, timedelta

import dagster as dg

from eventflow_pipeline.defs.rule_links import rules_metadata
from eventflow_pipeline.domain.source_contract import SOURCE_TABLES
from eventflow_pipeline.warehouse.changes.due_days import NewestFact

OWNERS = ["team:eventflow"]
GROUP = "sources"
#: Each observation is an event, which stays in Dagster's database until it is pruned (defs/retention.py).
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

_UTM = dict.fromkeys(("utm_source", "utm_medium", "utm_campaign"), "As the page sent it; normalized when read (N1).")
_CREATED = {"created_at": "When the row was recorded; UTC."}
_IDENTITY = {"id": "Identifier."}
#: What a reader of the catalog wants to know of each column we read.
_COLUMNS: Mapping[str, Mapping[str, str]] = {
    "event_access_logs": _UTM
    | {
        "id": "One recorded hit.",
        "campaign_id": "Where the visit happened; empty when it was a webinar's page.",
        "webinar_id": "Where the visit happened when not in a campaign.",
        "session_id": "The visitor's session; visits are distinct sessions (M2). Blank: a hit without session.",
        "entry_id": "The registration this session made, filled in later.",
        "referrer": "Where the visitor came from; only its host is read.",
        "marketing_campaign_link_id": "The link that was followed (A1); may dangle.",
        "cid": "The link's short code as it was sent (A2).",
        "accessed_at": "When the hit happened (T2); UTC.",
        "created_at": "When the hit was recorded; UTC.",
    },
    "event_survey_entries": _UTM
    | {
        "id": "One registration or submission.",
        "campaign_id": "Where somebody registered.",
        "client_id": "Whose it is, as copied when it was stored; the campaign's client counts (E2).",
        "registration_data": "What was filled in, personal; only its key `cid` is read.",
        "marketing_campaign_link_id": "The link it is credited to (A1); may dangle.",
        "created_at": "When it happened (T2); UTC.",
        "session_id": "The session that registered (S5).",
    },
    "event_survey_campaigns": _IDENTITY
    | _CREATED
    | {
        "client_id": "Whose campaign it is (E2).",
        "title": "Its name.",
        "status": "draft, published or closed.",
        "type": "survey or registration.",
        "public_path": "Path of its page.",
    },
    "webinars": _IDENTITY
    | {
        "client_id": "Whose webinar it is (E2).",
        "title": "Its name.",
        "webinar_start_time": "When it begins; UTC.",
        "registration_campaign_id": "The campaign in which viewers register.",
    },
    "campaign_link_meta": _IDENTITY
    | _UTM
    | _CREATED
    | {
        "client_id": "Whose link it is; a cid is unique within a client only (A2).",
        "name": "Its name.",
        "target_type": "campaign or webinar.",
        "target_campaign_id": "Where it leads.",
        "target_webinar_id": "Where it leads.",
        "cid": "Its short code, eight letters and digits (A2).",
        "status": "active, paused or archived; every one resolves (A1).",
    },
    "webinar_live_presence": _CREATED
    | {
        "webinar_id": "The webinar that is watched.",
        "user_id": "The viewer, only ever counted (P3).",
        "joined_at": "When the viewer came; UTC.",
        "last_seen_at": "The last ping; active for 180 s after it (W1); UTC.",
        "updated_at": "When the row was last written; UTC.",
    },
    "webinar_access_logs": {
        "webinar_id": "The webinar.",
        "time_bucket": "Begin of the five minutes; UTC.",
        "sample_count": "Calls of the old job, retries included (W2).",
        "sum_participants": "Viewers over its samples.",
        "min_participants": "Fewest viewers.",
        "max_participants": "Most viewers.",
        "last_participants": "Viewers at its last sample.",
    },
    "clients": _IDENTITY | {"agency_id": "The agency that serves it.", "name": "Its name.", "status": "Its state."},
    "agencies": _IDENTITY | {"name": "Its name.", "status": "Its state."},
    "client_members": {"client_id": "The client.", "user_id": "Who may see it.", "role": "As what."},
    "agency_members": {"agency_id": "The agency.", "user_id": "Who may see its clients.", "role": "As what."},
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
                        # The plainest of the types it may have.
                        type=min(types, key=lambda type_: (type_ == "USER-DEFINED", len(type_))),
                        description=_COLUMNS[table.name][name]
                        + ("" if name in table.required else " Late addition, may be absent."),
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
    cursor: str | None, newest: Mapping[str, NewestFact], now: datetime
) -> tuple[list[dg.AssetObservation], str]:
    """An observation of each table whose newest row moved, with the rows of its day, and the next cursor."""
    before: Mapping[str, str] = json.loads(cursor or "{}").get("newest", {})
    seen = {table: fact.recorded_at.isoformat() for table, fact in newest.items()}
    moved = [
        dg.AssetObservation(
            source_key(table),
            metadata={
                "dagster/last_updated_timestamp": dg.MetadataValue.timestamp(fact.recorded_at),
                "rows_today": fact.rows_today,
            },
            description=f"When its newest row was recorded, and the {fact.rows_today} rows of the day so far.",
        )
        for table, fact in newest.items()
        if seen[table] != before.get(table)
    ]
    return moved, json.dumps({"observed_at": now.timestamp(), "newest": seen})
