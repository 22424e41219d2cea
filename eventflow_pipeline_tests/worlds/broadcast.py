"""One broadcast written down by hand: three webinars of two clients, samples, legacy buckets and traffic of a day."""

from datetime import UTC, date, datetime, timedelta
from uuid import UUID, uuid4

import pytest

from eventflow_pipeline.domain.concurrency import ObservationRules
from eventflow_pipeline.warehouse.webinar.days import WebinarDay, replace_webinar_day
from eventflow_pipeline_tests.databases import Database

DAY = date(2026, 3, 2)
START = datetime(2026, 3, 2, 5, 0, tzinfo=UTC)  # 14:00 in Seoul
MINUTE = timedelta(minutes=1)
RULES = ObservationRules(before=timedelta(minutes=5), after=timedelta(minutes=20))
CLIENT, OTHER_CLIENT = UUID(int=1), UUID(int=2)
FIRST, SECOND, FOREIGN = UUID(int=0xA1), UUID(int=0xA2), UUID(int=0xA3)
CAMPAIGN = UUID(int=0xC)
#: Viewers of FIRST by minute from its opening on; minute 7 and 8 were not sampled.
CURVE = [0, 0, 0, 1, 2, 4, 5, None, None, 6, 6, 7, 3, 2, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]


def write_broadcast(database: Database) -> None:
    """FIRST and SECOND share CAMPAIGN; FOREIGN belongs to another client and names it too."""
    database.insert("clients", [{"id": CLIENT, "name": "c"}, {"id": OTHER_CLIENT, "name": "o"}])
    database.insert("event_survey_campaigns", [{"id": CAMPAIGN, "client_id": CLIENT, "title": "C"}])
    database.insert(
        "webinars",
        [
            {"id": FIRST, "client_id": CLIENT, "title": "first", "webinar_start_time": START,
             "registration_campaign_id": CAMPAIGN},
            {"id": SECOND, "client_id": CLIENT, "title": "second", "webinar_start_time": START + timedelta(days=1),
             "registration_campaign_id": CAMPAIGN},
            {"id": FOREIGN, "client_id": OTHER_CLIENT, "title": "foreign", "webinar_start_time": None,
             "registration_campaign_id": CAMPAIGN},
        ],
    )  # fmt: skip
    at = START - timedelta(hours=2)
    visits = [("s1", CAMPAIGN, None), ("s1", None, FIRST), ("s2", CAMPAIGN, None), ("s3", None, FIRST),
              ("s3", None, FIRST), ("s4", None, SECOND), ("s5", None, FOREIGN)]  # fmt: skip
    database.insert(
        "event_access_logs",
        [{"session_id": s, "campaign_id": c, "webinar_id": w, "accessed_at": at} for s, c, w in visits],
    )
    database.insert(
        "event_survey_entries",
        [{"campaign_id": CAMPAIGN, "client_id": CLIENT, "created_at": at, "phone_norm": str(n)} for n in range(2)],
    )
    write_samples(database, FIRST, START - RULES.before, CURVE)
    database.insert(
        "webinar_live_presence",
        [{"webinar_id": FIRST, "user_id": uuid4(), "joined_at": START, "last_seen_at": START + 8 * MINUTE}
         for _ in range(9)],
    )  # fmt: skip
    write_legacy(database, FIRST, START)
    write_legacy(database, SECOND, START + timedelta(minutes=35))


def write_samples(database: Database, webinar: UUID, first: datetime, curve: list[int | None]) -> None:
    """Samples of one webinar from ``first`` on, a minute each; None was not sampled."""
    for n, viewers in enumerate(curve):
        if viewers is not None:
            database.execute(
                "insert into stats.webinar_sample values (:w, :m, :v, :m)", w=webinar, m=first + n * MINUTE, v=viewers
            )


def write_legacy(database: Database, webinar: UUID, start: datetime) -> None:
    """A legacy bucket inflated by retries: eight samples in five minutes."""
    database.insert(
        "webinar_access_logs",
        [{"webinar_id": webinar, "time_bucket": start, "sample_count": 8, "sum_participants": 80,
          "min_participants": 9, "max_participants": 12, "last_participants": 11}],
    )  # fmt: skip


def replace(database: Database, day: date = DAY) -> WebinarDay:
    """Replace the day's statistics as of two days later."""
    return replace_webinar_day(database.pipeline, day, database.settings.zone, RULES, at=START + timedelta(days=2))


@pytest.fixture
def broadcast(database: Database) -> Database:
    """The broadcast, its marketing day and its webinar day computed."""
    write_broadcast(database)
    database.replace(DAY)
    replace(database)
    return database
