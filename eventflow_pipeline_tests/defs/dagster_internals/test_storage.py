"""Dagster's storage as dagster.yaml names it: it stores what Dagster's own class stores, in far fewer writes."""

import inspect
import itertools
import json
import multiprocessing
import os
import subprocess
import sys
import textwrap
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import date, timedelta
from importlib.metadata import version
from pathlib import Path
from typing import Any

import dagster as dg
import psycopg
import pytest
from dagster import DagsterEventType
from dagster._core.events import ASSET_CHECK_EVENTS, ASSET_EVENTS
from dagster._core.events.log import EventLogEntry
from dagster_postgres import (
    DagsterPostgresStorage,
    PostgresEventLogStorage,
    PostgresRunStorage,
    PostgresScheduleStorage,
)
from sqlalchemy import Engine, event, text
from sqlalchemy.exc import OperationalError

from eventflow_pipeline.defs.dagster_internals.storage import BatchedEventLogStorage
from eventflow_pipeline.defs.dagster_internals.storage import BatchedPostgresStorage as Storage
from eventflow_pipeline.dev.environment import environment
from eventflow_pipeline.domain.days import DayRange
from eventflow_pipeline.domain.partition_tags import RANGE_END, RANGE_START
from eventflow_pipeline_tests.databases import Database, Databases
from eventflow_pipeline_tests.defs.dagster_events import (
    DAYS,
    OTHER,
    RUN,
    check_planned,
    checked,
    dependent,
    entry,
    every_kind,
    materialized,
)
from eventflow_pipeline_tests.defs.jobs import run_days
from eventflow_pipeline_tests.repetitions import some

#: Every column but those that say when a row was written. Ids say in which order.
_TABLES = {
    "event_logs": "*",
    "asset_keys": "asset_key, last_materialization, last_run_id, last_materialization_timestamp",
    "asset_event_tags": "*",
    "asset_check_executions": "id, asset_key, check_name, partition, run_id, execution_status, evaluation_event, "
    "evaluation_event_timestamp, evaluation_event_storage_id, materialization_event_storage_id",
}
_BATCHED = (ASSET_EVENTS | ASSET_CHECK_EVENTS) - {DagsterEventType.ASSET_FAILED_TO_MATERIALIZE}
Make = Callable[..., Any]


@pytest.fixture
def make(databases: Databases) -> Iterator[Make]:
    """Storages of a class, each on a database of its own."""
    names: list[str] = []
    made: list[Any] = []

    def new(kind: type = BatchedEventLogStorage) -> Any:
        names.append(databases.create())
        made.append(kind(databases.url(names[-1])))
        return made[-1]

    yield new
    for storage in made:
        storage.dispose()
    for name in names:
        databases.drop(name)


def _rows(storage: Any) -> dict[str, list[Any]]:
    with storage.index_connection() as connection:
        return {
            table: [tuple(row) for row in connection.execute(text(f"select {columns} from {table} order by 1"))]
            for table, columns in _TABLES.items()
        }


def _executions(storage: Any) -> list[tuple[Any, ...]]:
    """Executions of checks but for their ids and times, and the newest of each partition first."""
    with storage.index_connection() as connection:
        rows = connection.execute(
            text(
                "select asset_key, check_name, partition, run_id, execution_status, materialization_event_storage_id, "
                "rank() over (partition by asset_key, check_name, partition order by id desc) "
                "from asset_check_executions order by 1, 2, 3 nulls last, 7"
            )
        )
        return [tuple(row) for row in rows]


def _steps(storage: Any, run_id: str = RUN) -> list[str | None]:
    """Of the events stored for a run the steps, by which tests tell them apart."""
    return [record.event_log_entry.step_key for record in storage.get_records_for_run(run_id).records]


def _elsewhere(databases: Databases, storage: Any) -> psycopg.Connection:
    """A connection past the storage: what another process sees."""
    return psycopg.connect(databases.url(storage._engine.url.database), autocommit=True)


def _terminate(databases: Databases, storage: Any) -> None:
    """End every connection of a storage, as a restart of the server does; also one that it opens meanwhile."""
    while pids := databases.pids(storage._engine.url.database):
        for pid in pids:
            databases.admin(f"select pg_terminate_backend({pid})")


@contextmanager
def _statements(to: Any = Engine) -> Iterator[list[str]]:
    """Every statement this process sends meanwhile, to any database or through one engine."""
    seen: list[str] = []

    def sent(_connection: object, _cursor: object, statement: str, *_rest: object) -> None:
        seen.append(statement)

    event.listen(to, "before_cursor_execute", sent)
    try:
        yield seen
    finally:
        event.remove(to, "before_cursor_execute", sent)


@pytest.mark.parametrize("size", [1, 2, 3, 1000])
def test_rows_are_those_of_dagster_s_own_class(make: Make, monkeypatch: pytest.MonkeyPatch, size: int) -> None:
    """Whatever is written together: an event, two, three, everything."""
    monkeypatch.setitem(BatchedEventLogStorage.store_event.__globals__, "MOST_WAITING", size)
    own, ours = make(PostgresEventLogStorage), make()
    for one in (*every_kind(), *dependent()):
        own.store_event(one)
        ours.store_event(one)
    assert _rows(ours) == _rows(own)


def test_rows_of_dagster_s_batches_are_the_same(make: Make) -> None:
    """In two parts, of which the second meets rows of the first."""
    events = [one for one in (*every_kind(), *dependent()) if one.dagster_event_type in _BATCHED]
    own, ours = make(PostgresEventLogStorage), make()
    for one in events:
        own.store_event(one)
    for part in (events[: len(events) // 2], events[len(events) // 2 :]):
        ours.store_event_batch(part)
        assert ours.get_maximum_record_id()
    assert _rows(ours) == _rows(own)


@pytest.mark.long
def test_a_run_s_rows_are_those_of_dagster_s_own_class(
    instance: dg.DagsterInstance, defs: dg.Definitions, database: Database, make: Make
) -> None:
    """A range with a failing day, every asset and check: its events, stored once more by Dagster's class."""
    database.execute("alter table stats.partition_state add constraint no check (bucket_date <> '2024-03-03')")
    job = defs.resolve_job_def("daily_buckets_job")
    assert not run_days(job, instance, DayRange(date(2024, 3, 1), date(2024, 3, 5))).success
    assert run_days(job, instance, DayRange(date(2024, 3, 1), date(2024, 3, 2))).success
    ours: Any = instance.event_log_storage
    with ours.index_connection() as connection:
        stored = connection.scalars(text("select event from event_logs order by id")).all()
        without_event = connection.scalars(
            text(
                "select c.evaluation_event from asset_check_executions c join event_logs e "
                "on e.id = c.evaluation_event_storage_id where e.event <> c.evaluation_event order by c.id"
            )
        ).all()
    own = make(PostgresEventLogStorage)
    for one in stored:
        own.store_event(dg._serdes.deserialize_value(one, EventLogEntry))
    assert len(stored) > 150
    theirs, rows = _rows(own), _rows(ours)
    for table in ("event_logs", "asset_keys", "asset_event_tags"):
        assert rows[table] == theirs[table]
    # What passes is no event of ours; as events it would have left these rows.
    for one in without_event:
        own.store_event(dg._serdes.deserialize_value(one, EventLogEntry))
    assert len(without_event) > 50
    assert _executions(ours) == _executions(own)


def test_evaluations_of_many_partitions_leave_the_rows_of_their_events(make: Make) -> None:
    """Of partitions that the run planned to evaluate, of others, and once more by a retry of the step."""
    own, ours = make(PostgresEventLogStorage), make()
    for storage in (own, ours):
        for one in (materialized("a", DAYS[0]), check_planned("planned", DAYS[:2]), check_planned("whole")):
            storage.store_event(one)
    about = {DAYS[0]: 1, DAYS[1]: None, DAYS[2]: None}
    for _ in range(2):
        given = [
            (checked("planned", DAYS[0], target=1), {DAYS[0]: 1}),
            (checked("planned", DAYS[1]), dict.fromkeys(DAYS[1:])),
        ]
        given.append((checked("other", DAYS[2], passed=False), {DAYS[2]: None}))
        ours.store_evaluations(given)
    for day, target in about.items():
        own.store_event(checked("planned", day, target=target))
    own.store_event(checked("other", DAYS[2], passed=False))
    assert _executions(ours) == _executions(own)
    assert len(_rows(ours)["event_logs"]) == 3
    own_said, said = (
        {
            row[3]: json.loads(row[6])["dagster_event"]["event_specific_data"]
            for row in _rows(storage)["asset_check_executions"]
        }
        for storage in (own, ours)
    )
    assert said == own_said


def test_dagster_s_batches_need_not_fit_one_statement(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    own, ours = make(PostgresEventLogStorage), make()
    events = [materialized(f"asset {number % 7}", f"day {number}") for number in range(2500)]
    own.store_event_batch(events[:1])
    ours.store_event_batch(events)
    rows = _rows(ours)
    assert [row[0] for row in rows["event_logs"]] == list(range(1, 2501))
    assert [row[-1] for row in rows["event_logs"]] == [f"day {number}" for number in range(2500)]
    assert len(rows["asset_event_tags"]) == 2500
    assert len(rows["asset_keys"]) == 7


def test_two_threads_lose_and_double_nothing_and_keep_their_order(make: Make) -> None:
    storage = make()
    seen: dict[str, list[int]] = {RUN: [], OTHER: []}

    def work(run_id: str) -> None:
        for number in range(600):
            storage.store_event(entry(run_id=run_id, step=str(number)))
            if number % 100 == 99:
                seen[run_id].append(len(_steps(storage, run_id)))

    threads = [threading.Thread(target=work, args=(run_id,)) for run_id in seen]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert seen == {run_id: [100, 200, 300, 400, 500, 600] for run_id in seen}, "a thread reads what it has stored"
    for run_id in seen:
        assert _steps(storage, run_id) == [str(number) for number in range(600)]


def test_ids_become_visible_in_their_order(make: Make, databases: Databases) -> None:
    """Readers go on after the last id they saw: a writer waits until ids before its own are committed or gone."""
    storage = make()
    storage.store_event(entry())
    with storage.index_connection() as other:
        other.execute(text("begin"))
        other.execute(text("select pg_advisory_xact_lock(cast(cast('event_logs' as regclass) as bigint))"))
        other.execute(text("insert into event_logs (event) values ('of another process')"))
        storage.store_event(entry())
        writer = threading.Thread(target=storage.get_maximum_record_id)
        writer.start()
        waits = "select 1 from pg_locks where locktype = 'advisory' and not granted"
        while not other.execute(text(waits)).first():
            assert writer.is_alive()
        other.execute(text("commit"))
        writer.join()
    assert [row[2] for row in _rows(storage)["event_logs"]][1] == "of another process"


def test_an_event_waits_only_so_long(make: Make, databases: Databases) -> None:
    storage = make()
    storage.store_event(entry())
    storage._timer.join()
    with _elsewhere(databases, storage) as connection:
        assert connection.execute("select count(*) from event_logs").fetchone() == (1,)


def test_a_status_is_never_ahead_of_its_events(make: Make, databases: Databases) -> None:
    storage = make()
    storage.store_event(entry(step="before"))
    with _elsewhere(databases, storage) as connection:
        assert connection.execute("select count(*) from event_logs").fetchone() == (0,)
        storage.store_event(entry(DagsterEventType.RUN_SUCCESS))
        assert connection.execute("select count(*) from event_logs").fetchone() == (2,)


def test_a_lost_connection_loses_nothing(make: Make, databases: Databases) -> None:
    """As after a restart of the server: neither a write nor a read fails."""
    storage = make()
    storage.store_event(entry(step="1"))
    assert _steps(storage) == ["1"]
    storage.store_event(entry(step="2"))
    _terminate(databases, storage)
    assert _steps(storage) == ["1", "2"]
    _terminate(databases, storage)
    assert _steps(storage) == ["1", "2"]


def test_a_webserver_s_lost_connection_is_replaced(make: Make, databases: Databases) -> None:
    storage = make()
    storage.optimize_for_webserver(statement_timeout=60_000, pool_recycle=-1, max_overflow=5)
    storage.store_event(entry(step="1"))
    assert _steps(storage) == ["1"]
    _terminate(databases, storage)
    assert _steps(storage) == ["1"]


def test_a_webserver_leaves_no_connection_behind_that_it_had_before(databases: Databases) -> None:
    name = databases.create()
    storage = Storage(databases.url(name))
    assert databases.pids(name)
    for part in (storage.run_storage, storage.event_log_storage, storage.schedule_storage):
        part.optimize_for_webserver(statement_timeout=60_000, pool_recycle=-1, max_overflow=5)
    assert databases.pids(name) == set()
    databases.drop(name)


def test_a_write_cut_off_in_the_middle_is_done_again(make: Make, databases: Databases) -> None:
    storage = make()
    storage.store_event_batch([materialized("a", f"day {number}") for number in range(3)])
    cuts = []

    def cut(connection: Any, _cursor: object, statement: str, *_rest: object) -> None:
        if "INSERT INTO event_logs" in statement and not cuts:
            cuts.append(statement)
            pid = connection.connection.dbapi_connection.info.backend_pid
            databases.admin(f"select pg_terminate_backend({pid})")

    event.listen(storage._engine, "after_cursor_execute", cut)
    rows = _rows(storage)
    assert cuts
    assert [row[-1] for row in rows["event_logs"]] == ["day 0", "day 1", "day 2"]
    assert len(rows["asset_event_tags"]) == 3


def test_a_commit_whose_answer_is_lost_is_not_done_twice(make: Make) -> None:
    storage = make()
    storage.store_event_batch([materialized("a", f"day {number}") for number in range(3)])
    lost = []

    def lose(connection: Any) -> None:
        if not lost:
            lost.append(connection)
            connection.connection.dbapi_connection.commit()
            raise OperationalError("commit", None, Exception("connection lost"), connection_invalidated=True)

    event.listen(storage._engine, "commit", lose)
    rows = _rows(storage)
    assert lost
    assert [row[-1] for row in rows["event_logs"]] == ["day 0", "day 1", "day 2"]
    assert len(rows["asset_event_tags"]) == 3


@pytest.mark.slow
def test_events_are_kept_while_the_server_is_away(make: Make, databases: Databases) -> None:
    """A status that cannot be stored is an error at once, as its run must not go on; the rest is written later."""
    storage = make()
    name = storage._engine.url.database
    storage.store_event(entry(step="1"))
    databases.admin(f'alter database "{name}" allow_connections false')
    _terminate(databases, storage)
    with pytest.raises(Exception, match="too many retries for DB connection"):
        storage.store_event(entry(DagsterEventType.RUN_SUCCESS))
    storage.store_event(entry(step="2"))
    databases.admin(f'alter database "{name}" allow_connections true')
    assert _steps(storage) == ["1", "2"]


def test_an_event_that_cannot_be_stored_fails_its_run_and_costs_no_other_event(make: Make) -> None:
    storage = make()
    for step in ("1", "a NUL \0, which Postgres refuses", "2"):
        storage.store_event(entry(step=step))
    storage.store_event(entry(step="of another", run_id=OTHER))
    assert _steps(storage) == ["1", "2"]
    storage.store_event(entry(step="of another, later", run_id=OTHER))
    with pytest.raises(ValueError, match="NUL"):
        storage.store_event(entry(DagsterEventType.RUN_SUCCESS))
    storage.store_event(entry(DagsterEventType.RUN_FAILURE, step="told once"))
    assert _steps(storage) == ["1", "2", "told once"]
    assert _steps(storage, OTHER) == ["of another", "of another, later"]


def test_the_failure_of_a_run_is_stored_whatever_else_could_not_be(make: Make) -> None:
    storage = make()
    storage.store_event_batch([materialized("a", "a NUL \0"), materialized("a", "a day")])
    storage.store_event(entry(DagsterEventType.RUN_FAILURE, step="failed"))
    assert _steps(storage) == ["s", "failed"]


@dg.op
def _writes_what_cannot_be_stored(context: dg.OpExecutionContext) -> None:
    context.log_event(dg.AssetMaterialization("a", partition="a NUL \0"))
    assert not context.instance.fetch_materializations(dg.AssetKey("a"), limit=1).records


@dg.job
def _lossy() -> None:
    _writes_what_cannot_be_stored()


def test_a_run_that_lost_an_event_does_not_succeed(instance: dg.DagsterInstance) -> None:
    result = _lossy.execute_in_process(instance=instance, raise_on_error=False)
    assert not result.success
    assert instance.get_run_by_id(result.run_id).status == dg.DagsterRunStatus.FAILURE  # type: ignore[union-attr]


def test_a_fork_writes_its_own_events_and_the_parent_its_own(make: Make) -> None:
    storage = make()
    assert _steps(storage) == []
    storage.store_event(entry(step="parent"))
    child = multiprocessing.get_context("fork").Process(target=storage.store_event, args=(entry(step="child"),))
    child.start()
    child.join()
    assert child.exitcode == 0
    assert sorted(_steps(storage)) == ["child", "parent"]  # type: ignore[type-var]


def test_a_process_that_ends_writes_what_waits(make: Make) -> None:
    storage = make()
    program = """
        import sys
        from eventflow_pipeline.defs.dagster_internals.storage import BatchedEventLogStorage
        from eventflow_pipeline_tests.defs.dagster_events import entry
        storage = BatchedEventLogStorage(sys.argv[1])
        storage.store_event(entry(step="last"))
    """
    url = storage._engine.url.render_as_string(hide_password=False)
    subprocess.run([sys.executable, "-c", textwrap.dedent(program), url], check=True)
    assert _steps(storage) == ["last"]


def test_disposing_writes_what_waits_and_closes_every_connection(make: Make, databases: Databases) -> None:
    storage = make()
    storage.store_event(entry(step="last"))
    storage.dispose()
    assert databases.pids(storage._engine.url.database) == set()
    assert _steps(storage) == ["last"]


def test_events_are_stored_without_connecting_anew(make: Make, databases: Databases) -> None:
    storage = make()
    name = storage._engine.url.database
    storage.store_event(entry())
    assert _steps(storage)
    before = databases.pids(name)
    for number in range(5):
        storage.store_event(entry(DagsterEventType.RUN_START))
        assert len(_steps(storage)) == number + 2
    assert before
    assert databases.pids(name) == before


@pytest.mark.parametrize("count", some([200, 1100], 1))
def test_planning_years_of_days_is_a_few_hundred_statements(
    instance: dg.DagsterInstance, defs: dg.Definitions, count: int
) -> None:
    """As the user interface's Launch does before it answers: an event for every asset and day."""
    job = defs.resolve_implicit_global_asset_job_def()
    days = DayRange(date(2024, 1, 1), date(2024, 1, 1) + timedelta(days=count - 1))
    with _statements() as statements:
        run = instance.create_run_for_job(
            job, tags={RANGE_START: days.first.isoformat(), RANGE_END: days.last.isoformat()}
        )
        planned = instance.get_records_for_run(run.run_id).records
    assert len(planned) > count * 12
    assert len(statements) < 30 + count / 4
    with instance.event_log_storage.index_connection() as connection:  # type: ignore[attr-defined]
        rows = connection.execute(text("select count(*), count(distinct partition) from asset_check_executions")).one()
    assert rows[0] > count * 20
    assert rows[1] == count


def test_a_run_asks_no_more_the_more_days_it_has_and_what_tables_have_only_once(
    instance: dg.DagsterInstance, defs: dg.Definitions, database: Database
) -> None:
    """Whatever it computes, measures and checks. Writes are left aside: they are as many as its half seconds."""
    job = defs.resolve_job_def("daily_buckets_job")
    asked: list[list[str]] = []
    for days in (2, 2, 20):
        span = DayRange(date(2024, 1, 1), date(2024, 1, days))
        with _statements(instance.event_log_storage._engine) as statements:  # type: ignore[attr-defined]
            assert run_days(job, instance, span).success
        reads = [one for one in statements if one.lstrip("-").lstrip().startswith(("SELECT", "select", "WHAT"))]
        asked.append([one for one in reads if "pg_advisory_xact_lock" not in one])
    first, again, longer = asked
    assert any("pg_catalog" in one for one in first)
    assert not any("pg_catalog" in one for one in (*again, *longer))
    assert len(longer) == len(again) < 60, "\n".join(again)


def test_states_of_schedules_and_sensors_are_read_without_asking_what_there_is(instance: dg.DagsterInstance) -> None:
    assert instance.get_instigator_state("origin", "selector") is None
    with _statements(instance.schedule_storage._engine) as statements:  # type: ignore[union-attr]
        assert instance.get_instigator_state("origin", "selector") is None
    assert len(statements) == 1, statements


def test_a_transaction_isolates_as_dagster_s_whatever_the_server_s_default_is(make: Make, databases: Databases) -> None:
    storage = make()
    name = storage._engine.url.database
    databases.admin(f"""alter database "{name}" set default_transaction_isolation to 'serializable'""")
    _terminate(databases, storage)
    with storage.index_transaction() as connection:
        connection.execute(text("insert into event_logs (event) values ('of a transaction')"))
        assert connection.scalar(text("show transaction_isolation")) == "read committed"
        with storage.index_connection() as other:
            assert not other.scalar(text("select count(*) from event_logs"))
    with storage.index_connection() as connection:
        assert connection.scalar(text("select count(*) from event_logs")) == 1
        connection.execute(text("insert into event_logs (event) values ('at once')"))
        with storage.index_connection() as other:
            assert other.scalar(text("select count(*) from event_logs")) == 2


def test_an_instance_makes_what_tables_a_database_has_not_and_keeps_the_others(databases: Databases) -> None:
    """As Dagster's own, of which each part makes its tables where its main one is missing."""
    names = [databases.create() for _ in range(2)]
    own, ours = (kind(databases.url(name)) for kind, name in zip((DagsterPostgresStorage, Storage), names, strict=True))
    tables = "select relname from pg_class where relkind = 'r' and relnamespace = 'public'::regnamespace order by 1"
    with ours.event_log_storage.index_connection() as connection:
        made = connection.scalars(text(tables)).all()
        connection.execute(text("drop table jobs, instigators, job_ticks, asset_daemon_asset_evaluations"))
        connection.execute(text("insert into event_logs (event) values ('kept')"))
    again = Storage(databases.url(names[1]))
    with own.event_log_storage.index_connection() as connection:
        assert made == connection.scalars(text(tables)).all()
    with again.event_log_storage.index_connection() as connection:
        assert made == connection.scalars(text(tables)).all()
        assert connection.scalar(text("select event from event_logs")) == "kept"
    for storage, name in zip((ours, own), reversed(names), strict=True):
        storage.event_log_storage.dispose()
        databases.drop(name)


def test_statuses_of_checks_are_those_dagster_s_own_class_works_out(instance: dg.DagsterInstance) -> None:
    """Of partitions that passed, failed, were materialized since, or were only planned: by a run that goes on, failed,
    or left them out; of days that are no partitions, and of a check of the whole asset."""
    status = dg.DagsterRunStatus
    left_out = "00000000-0000-0000-0000-00000000000c"
    for run_id, ended in ((RUN, status.FAILURE), (OTHER, status.STARTED), (left_out, status.SUCCESS)):
        instance.add_run(dg.DagsterRun("job", run_id=run_id, status=ended))
    storage: Any = instance.event_log_storage
    for one in (
        *(materialized("a", day) for day in DAYS),
        check_planned("daily", DAYS),
        checked("daily", DAYS[0], target=1),
        checked("daily", DAYS[1], target=2, passed=False),
        check_planned("again", DAYS),
        *(checked("again", day, target=number) for number, day in enumerate(DAYS, 1)),
        check_planned("again", DAYS[:1], OTHER),
        check_planned("again", DAYS[1:2], left_out),
        materialized("a", DAYS[2]),
        check_planned("whole"),
        checked("whole", passed=False),
        check_planned("planned whole", run_id=OTHER),
    ):
        storage.store_event(one)
    every, later = (dg.DailyPartitionsDefinition(day) for day in DAYS[:2])
    names = ("daily", "again", "whole", "planned whole", "never")
    seen = set()
    for which, partitions in itertools.product((names, ("never",)), (every, later, None)):
        asked = [(dg.AssetCheckKey(dg.AssetKey("a"), name), partitions) for name in which]
        ours = storage.get_asset_check_state(asked)
        own = PostgresEventLogStorage.get_asset_check_state(storage, asked)
        assert {key: _by_partition(state) for key, state in ours.items()} == {
            key: _by_partition(state) for key, state in own.items()
        }
        seen |= {status for state in ours.values() for status, some in _by_partition(state)[1].items() if some}
    assert seen == {"SUCCEEDED", "FAILED", "IN_PROGRESS", "SKIPPED", "EXECUTION_FAILED"}


def _by_partition(state: Any) -> tuple[Any, ...]:
    """All that a state of a check says."""

    def what(subset: Any) -> object:
        return sorted(subset.subset_value.get_partition_keys()) if subset.is_partitioned else subset.bool_value

    return (
        state.latest_storage_id,
        {status.name: what(subset) for status, subset in state.subsets.items()},
        {run_id: what(subset) for run_id, subset in state.in_progress_runs.items()},
    )


def test_private_parts_of_dagster_are_as_they_were_read() -> None:
    """Read in dagster-postgres 0.29: when this fails, read its event log again, then move the version."""
    assert version("dagster-postgres").startswith("0.29.")
    own = inspect.getsource(PostgresEventLogStorage)
    for relied_on in ("self._engine = create_pg_engine(", "def _connect(self)", "self._token_provider"):
        assert relied_on in own
    for kind in (PostgresRunStorage, PostgresScheduleStorage):  # they share the connections of the event log
        assert "create_pg_connection(self._engine)" in inspect.getsource(kind)
    methods = ("_event_to_row", "_get_asset_entry_values", "_store_asset_event_tags", "index_transaction", "has_table")
    assert all(hasattr(PostgresEventLogStorage, name) for name in (*methods, "has_asset_key_col"))
    tables = dg._core.storage.event_log.schema  # type: ignore[attr-defined]
    assert {c.name for c in tables.SqlEventLogStorageTable.c} == {
        "id", "run_id", "event", "dagster_event_type", "timestamp", "step_key", "asset_key", "partition",
    }  # fmt: skip
    assert {c.name for c in tables.AssetCheckExecutionsTable.c} == {
        "id", "asset_key", "check_name", "partition", "run_id", "execution_status", "evaluation_event",
        "evaluation_event_timestamp", "evaluation_event_storage_id", "materialization_event_storage_id",
        "create_timestamp",
    }  # fmt: skip


def test_commands_hand_events_on_in_batches(
    database: Database, databases: Databases, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Unless somebody chose otherwise: also with a storage of Dagster's own, which else writes them one by one."""
    storage = databases.create()
    for name, value in {
        "EVENTFLOW_DATABASE_URL": database.url,
        "DAGSTER_POSTGRES_URL": databases.url(storage),
        "DAGSTER_HOME": str(tmp_path),
        "EVENTFLOW_TIMEZONE": "Asia/Seoul",
        "EVENTFLOW_START_DATE": "2024-01-01",
        "DAGSTER_EVENT_BATCH_SIZE": "7",
    }.items():
        monkeypatch.setenv(name, value)
    with environment(dagster=True):
        assert os.environ["DAGSTER_EVENT_BATCH_SIZE"] == "7"
    monkeypatch.delenv("DAGSTER_EVENT_BATCH_SIZE")
    with environment(dagster=True):
        assert os.environ["DAGSTER_EVENT_BATCH_SIZE"] == "200"
    databases.drop(storage)
