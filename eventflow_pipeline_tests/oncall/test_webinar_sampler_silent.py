"""A silent sampler is reported within two minutes; one at work, or nothing to sample, is not."""

from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import pytest

from eventflow_pipeline.domain.conditions import Severity
from eventflow_pipeline.oncall.conditions import webinar_sampler_silent
from eventflow_pipeline.warehouse.webinar.sampler import liveness, sample_webinars
from eventflow_pipeline_tests.databases import Database

WEBINAR = UUID(int=0xA)
START = datetime(2026, 3, 2, 10, 0, tzinfo=UTC)
SECOND = timedelta(seconds=1)
POLL = 30 * SECOND


def _webinar(database: Database) -> None:
    owner = UUID(int=0xB)
    database.insert("clients", [{"id": owner, "name": "Acme Events"}])
    database.insert("webinars", [{"id": WEBINAR, "client_id": owner, "title": "Talk", "webinar_start_time": START}])


def _seen(database: Database, joined: datetime, last: datetime) -> None:
    database.insert(
        "webinar_live_presence",
        [{"webinar_id": WEBINAR, "user_id": uuid4(), "joined_at": joined, "last_seen_at": last}],
    )


def _told(database: Database, at: datetime) -> bool:
    return bool(webinar_sampler_silent.conditions(database.pipeline, database.settings, at))


def test_nothing_live_nothing_wrong(database: Database) -> None:
    assert not _told(database, START)
    _webinar(database)
    assert not _told(database, START - timedelta(hours=2))
    assert not _told(database, START + timedelta(hours=4))


def test_a_sampler_at_work_is_never_told(database: Database) -> None:
    """Ticks every 20 seconds: the first of a minute is the sample, up to 79 seconds after the one before."""
    _webinar(database)
    for second in range(0, 600, 20):
        at = START + second * SECOND
        sample_webinars(database.pipeline, database.settings.observation, at)
        assert not _told(database, at + 19 * SECOND)


@pytest.mark.parametrize("died", [0, 1, 19, 20, 39, 59])
def test_a_sampler_that_died_is_told_within_two_minutes(database: Database, died: int) -> None:
    _webinar(database)
    last = START + died * SECOND
    sample_webinars(database.pipeline, database.settings.observation, last)
    told = next(at for at in (last + n * POLL + 17 * SECOND for n in range(20)) if _told(database, at))
    assert told - last <= timedelta(minutes=2)
    condition = webinar_sampler_silent.conditions(database.pipeline, database.settings, told)[0]
    assert (condition.name, condition.severity, condition.since) == ("webinar_sampler_silent", Severity.ERROR, last)
    assert condition.numbers == {"live": 1, "silent": 1}
    assert condition.summary.startswith("client Acme Events: webinar Talk: no concurrency sample since ")
    sample_webinars(database.pipeline, database.settings.observation, told)
    assert not _told(database, told), "it ends with the next sample"


def test_a_sampler_never_started_is_told_when_the_window_has_been_open(database: Database) -> None:
    _webinar(database)
    opens = START - timedelta(minutes=60)
    assert not _told(database, opens + 60 * SECOND)
    assert _told(database, opens + 91 * SECOND)


def test_viewers_outside_any_window_count(database: Database) -> None:
    _seen(database, START, START + 100 * SECOND)
    assert not _told(database, START + 60 * SECOND)
    (condition,) = webinar_sampler_silent.conditions(database.pipeline, database.settings, START + 120 * SECOND)
    assert condition.summary.startswith(f"webinar {WEBINAR}: "), "it has no row, and so no name"


def test_a_viewer_who_comes_back_long_after_is_no_silence_yet(database: Database) -> None:
    """The last sample closed the extension hours ago; joined_at is as old."""
    joined, back = START, START + timedelta(hours=3)
    database.execute(
        "insert into stats.webinar_sample values (:w, :m, 0, :m)", w=WEBINAR, m=joined + timedelta(minutes=5)
    )
    _seen(database, joined, back)
    assert not _told(database, back + 10 * SECOND)
    assert _told(database, back + 100 * SECOND)


def test_asked_without_an_instant_it_is_the_database_clock(database: Database) -> None:
    database.insert(
        "webinars",
        [{"id": WEBINAR, "client_id": uuid4(), "title": "w", "webinar_start_time": datetime.now(UTC)}],
    )
    assert liveness(database.pipeline, database.settings).silent == 1
    sample_webinars(database.pipeline, database.settings.observation)
    assert liveness(database.pipeline, database.settings).silent == 0
