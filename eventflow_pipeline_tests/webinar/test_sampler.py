"""The sampler (W1): one sample a webinar and minute, zeros inside the window, who is observed and who is not."""

import threading
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import pytest
from sqlalchemy.exc import ProgrammingError

from eventflow_pipeline.dev.sample.load import replay_presence
from eventflow_pipeline.domain.concurrency import ObservationRules
from eventflow_pipeline.warehouse.webinar.sampler import sample_webinars
from eventflow_pipeline_tests.databases import Database

WEBINAR = UUID(int=0xA)
START = datetime(2026, 3, 2, 10, 0, tzinfo=UTC)
RULES = ObservationRules()
MINUTE = timedelta(minutes=1)


def _webinar(database: Database, webinar: UUID = WEBINAR, start: datetime = START) -> None:
    database.insert("webinars", [{"id": webinar, "client_id": uuid4(), "title": "w", "webinar_start_time": start}])


def _seen(database: Database, at: datetime, count: int = 1, webinar: UUID = WEBINAR) -> None:
    database.insert(
        "webinar_live_presence",
        [{"webinar_id": webinar, "user_id": uuid4(), "joined_at": at, "last_seen_at": at} for _ in range(count)],
    )


def _viewers(database: Database) -> list[int]:
    return [r["viewers"] for r in database.rows("select viewers from stats.webinar_sample order by sampled_minute")]


def test_a_retry_changes_nothing_and_the_first_look_counts(database: Database) -> None:
    _webinar(database)
    _seen(database, START, 3)
    assert [s.viewers for s in sample_webinars(database.pipeline, RULES, START + timedelta(seconds=5))] == [3]
    _seen(database, START + timedelta(seconds=30), 4)
    assert sample_webinars(database.pipeline, RULES, START + timedelta(seconds=40)) == []
    assert _viewers(database) == [3]


def test_many_samplers_at_once_take_one_sample(database: Database) -> None:
    _webinar(database)
    _seen(database, START, 3)
    new: list[int] = []
    barrier = threading.Barrier(6)

    def run() -> None:
        barrier.wait()
        new.append(len(sample_webinars(database.pipeline, RULES, START)))

    workers = [threading.Thread(target=run) for _ in range(6)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert sorted(new) == [0, 0, 0, 0, 0, 1]
    assert _viewers(database) == [3]


@pytest.mark.parametrize(
    ("minutes", "sampled"), [(-61, False), (-60, True), (0, True), (239, True), (240, False), (600, False)]
)
def test_zeros_are_written_inside_the_window_only(database: Database, minutes: int, sampled: bool) -> None:
    _webinar(database)
    new = sample_webinars(database.pipeline, RULES, START + minutes * MINUTE)
    assert [s.viewers for s in new] == ([0] if sampled else [])


def test_viewers_extend_the_window_and_a_zero_closes_it(database: Database) -> None:
    _webinar(database)
    late = START + timedelta(hours=5)
    _seen(database, late, 2)
    for minute in range(6):
        sample_webinars(database.pipeline, RULES, late + minute * MINUTE)
    # Seen 180 seconds ago is active, longer is not; one zero, then nothing more to observe.
    assert _viewers(database) == [2, 2, 2, 2, 0]


def test_a_webinar_without_a_row_is_sampled(database: Database) -> None:
    """C2: a missing dimension never breaks a fact."""
    _seen(database, START, 2, uuid4())
    assert [s.viewers for s in sample_webinars(database.pipeline, RULES, START)] == [2]


def test_by_default_the_database_clock_decides(database: Database) -> None:
    now = datetime.now(UTC)
    _webinar(database, start=now)
    sample = sample_webinars(database.pipeline, RULES)[0]
    assert now.replace(second=0, microsecond=0) <= sample.minute <= datetime.now(UTC)
    assert (sample.minute.second, sample.minute.microsecond) == (0, 0)


def test_samples_cannot_be_changed_by_the_pipeline(database: Database) -> None:
    for command in ("update stats.webinar_sample set viewers = 1", "delete from stats.webinar_sample"):
        with pytest.raises(ProgrammingError, match="permission denied"):
            database.rows(command + " returning 1")


def test_sampling_reads_an_index_not_the_history(database: Database) -> None:
    """B6: presence of the past is not read."""
    from sqlalchemy import text

    from eventflow_pipeline.warehouse.db.engine import connect
    from eventflow_pipeline.warehouse.db.sql import sql_text

    database.execute(
        "insert into webinar_live_presence (webinar_id, user_id, joined_at, last_seen_at) "
        "select gen_random_uuid(), gen_random_uuid(), now() - n * interval '1 minute', now() - n * interval '1 minute' "
        "from generate_series(10, 30000) n"
    )
    database.execute("analyze webinar_live_presence")
    with connect(database.pipeline) as connection:
        plan = connection.execute(
            text("explain " + sql_text("storage/webinar/insert_samples")), {**RULES.parameters, "at": None}
        ).scalars()
        lines = "\n".join(plan)
    assert "webinar_live_presence_last_seen_at_stats_idx" in lines
    assert "Seq Scan on webinar_live_presence" not in lines


def test_sample_data_can_be_replayed_with_a_gap_to_look_at(database: Database) -> None:
    _webinar(database)
    later = uuid4()
    _webinar(database, later, START + timedelta(days=1))
    for webinar, start in ((WEBINAR, START), (later, START + timedelta(days=1))):
        database.insert(
            "webinar_live_presence",
            [{"webinar_id": webinar, "user_id": uuid4(), "joined_at": start, "last_seen_at": start + 57 * MINUTE}],
        )
    replayed = replay_presence(database.owner, now=START + timedelta(days=1, minutes=30))
    assert replayed == 300 - 7 + 90
    rows = database.rows("select * from stats.webinar_sample where webinar_id = :w and viewers > 0", w=WEBINAR)
    assert len(rows) == 61 - 7  # from joining to 180 seconds after being last seen
