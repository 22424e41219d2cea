"""What this project needs of EventFlow's tables: names and types, nothing else.

NOT NULL, CHECK and foreign keys differ between deployments and are not compared.
"""

from collections.abc import Mapping
from dataclasses import dataclass

TEXT = frozenset({"text", "character varying", "character", "USER-DEFINED"})
UUID = frozenset({"uuid"})
TIME = frozenset({"timestamp with time zone"})
INTEGER = frozenset({"integer", "bigint", "smallint"})
JSON = frozenset({"jsonb"})

_UTM = {"utm_source": TEXT, "utm_medium": TEXT, "utm_campaign": TEXT}


@dataclass(frozen=True, slots=True)
class SourceTable:
    """Columns a source table must have (name → accepted types), and late additions it may lack."""

    name: str
    required: Mapping[str, frozenset[str]]
    optional: Mapping[str, frozenset[str]]


SOURCE_TABLES = (
    SourceTable(
        "event_access_logs",
        {
            "id": UUID,
            "campaign_id": UUID,
            "session_id": TEXT,
            "entry_id": UUID,
            **_UTM,
            "referrer": TEXT,
            "marketing_campaign_link_id": UUID,
            "accessed_at": TIME,
            "created_at": TIME,
        },
        {"webinar_id": UUID, "cid": TEXT},
    ),
    SourceTable(
        "event_survey_entries",
        {
            "id": UUID,
            "campaign_id": UUID,
            "client_id": UUID,
            "registration_data": JSON,
            **_UTM,
            "marketing_campaign_link_id": UUID,
            "created_at": TIME,
        },
        {"session_id": TEXT},
    ),
    SourceTable(
        "event_survey_campaigns",
        {"id": UUID, "client_id": UUID, "title": TEXT, "status": TEXT, "type": TEXT, "created_at": TIME},
        {"public_path": TEXT},
    ),
    SourceTable(
        "webinars",
        {
            "id": UUID,
            "client_id": UUID,
            "title": TEXT,
            "webinar_start_time": TIME,
            "registration_campaign_id": UUID,
        },
        {},
    ),
    SourceTable(
        "campaign_link_meta",
        {
            "id": UUID,
            "client_id": UUID,
            "name": TEXT,
            "target_type": TEXT,
            "target_campaign_id": UUID,
            "target_webinar_id": UUID,
            **_UTM,
            "cid": TEXT,
            "status": TEXT,
            "created_at": TIME,
        },
        {},
    ),
    SourceTable(
        "webinar_live_presence",
        {
            "webinar_id": UUID,
            "user_id": UUID,
            "joined_at": TIME,
            "last_seen_at": TIME,
            "created_at": TIME,
            "updated_at": TIME,
        },
        {},
    ),
    SourceTable(
        "webinar_access_logs",
        {
            "webinar_id": UUID,
            "time_bucket": TIME,
            "sample_count": INTEGER,
            "sum_participants": INTEGER,
            "min_participants": INTEGER,
            "max_participants": INTEGER,
            "last_participants": INTEGER,
        },
        {},
    ),
    SourceTable("clients", {"id": UUID, "agency_id": UUID, "name": TEXT, "status": TEXT}, {}),
    SourceTable("agencies", {"id": UUID, "name": TEXT, "status": TEXT}, {}),
    SourceTable("client_members", {"client_id": UUID, "user_id": UUID, "role": TEXT}, {}),
    SourceTable("agency_members", {"agency_id": UUID, "user_id": UUID, "role": TEXT}, {}),
)


def first_problem(found: Mapping[str, Mapping[str, str]]) -> str | None:
    """The first thing missing or of another type in ``found`` (table → column → type), as a clause; else None."""
    for table in SOURCE_TABLES:
        columns = found.get(table.name)
        if not columns:
            return f"the source table public.{table.name} is missing"
        for column, types in {**table.required, **table.optional}.items():
            if column not in columns:
                if column in table.optional:
                    continue
                return f"the source column public.{table.name}.{column} is missing"
            if columns[column] not in types:
                wanted = " or ".join(sorted(types - {"USER-DEFINED"}))
                return f"the source column public.{table.name}.{column} is {columns[column]}, not {wanted}"
    return None
