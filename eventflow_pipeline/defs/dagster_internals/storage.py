"""Dagster's storage on Postgres, writing events by the batch.

dagster-postgres stores an event with some seven statements, each a transaction on a connection opened for it; a run
over a thousand partitions has tens of thousands of events and spends most of its time there. Here events wait for
each other, at most ``LONGEST_WAIT`` seconds, until one transaction writes them with one statement a table. The rows
are those that Dagster's own class writes.

* Every read through the storage, and every event that moves a run to another status, first writes what waits: a
  process reads what it stored, and the status of a run is never ahead of its events.
* A process that ends, or is done with the storage, writes what waits. One that is killed loses ``LONGEST_WAIT``.
* A write that lost its connection is tried again once, and not done twice. While the server is away events are kept.
* An event that cannot be stored costs no other one, and is an error of its run: raised at the run's next event.
* ``store_evaluations`` keeps one evaluation of a check for many partitions, as Dagster's class would, without events.
"""

import json
import logging
import os
import select
import threading
import weakref
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence, Set
from contextlib import AbstractContextManager, contextmanager
from functools import cache, partial
from multiprocessing.util import Finalize
from typing import TYPE_CHECKING, Any, Self

import sqlalchemy as sa
from dagster import DagsterEventType
from dagster._core.asset_graph_view.serializable_entity_subset import SerializableEntitySubset
from dagster._core.events import ASSET_CHECK_EVENTS, ASSET_EVENTS
from dagster._core.storage.asset_check_execution_record import AssetCheckExecutionRecordStatus as _Status
from dagster._core.storage.asset_check_execution_record import (
    AssetCheckExecutionResolvedStatus,
    AssetCheckPartitionInfo,
)
from dagster._core.storage.asset_check_state import AssetCheckState
from dagster._core.storage.dagster_run import FINISHED_STATUSES, RunsFilter
from dagster._core.storage.event_log.migration import ASSET_KEY_INDEX_COLS
from dagster._core.storage.event_log.schema import AssetCheckExecutionsTable, AssetKeyTable, SqlEventLogStorageTable
from dagster_postgres import (
    DagsterPostgresStorage,
    PostgresEventLogStorage,
    PostgresRunStorage,
    PostgresScheduleStorage,
)
from dagster_postgres.utils import (
    DagsterPostgresException,
    create_pg_engine,
    get_token_provider_from_config,
    pg_url_from_config,
    retry_pg_connection_fn,
)
from sqlalchemy import Connection, Engine, event, func, text
from sqlalchemy.dialects import postgresql
from sqlalchemy.exc import DBAPIError, DisconnectionError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError

if TYPE_CHECKING:
    from dagster import AssetCheckKey, PartitionsDefinition
    from dagster._core.definitions.partitions.subset import PartitionsSubset
    from dagster._core.events.log import EventLogEntry
    from dagster._serdes import ConfigurableClassData
    from dagster_postgres.auth import PgTokenProvider

#: Seconds an event waits for others.
LONGEST_WAIT = 0.5
#: Events that wait for no more; as many rows as SQLAlchemy puts into one statement.
MOST_WAITING = 1000
_POOL: Mapping[str, Any] = {
    "isolation_level": "AUTOCOMMIT",
    "pool_size": 2,
    "pool_use_lifo": True,
    "max_overflow": 20,
    "pool_recycle": 1800,
    "use_native_hstore": False,  # or each connection begins by asking for it
}
_log = logging.getLogger(__name__)

_ISOLATION = text("set transaction isolation level read committed")
# Readers follow the log by id, so ids must become visible in their order: one transaction writes at a time. One that
# stands still is ended, as all others wait for it.
_BEGIN = text("""
select pg_advisory_xact_lock(cast(cast('event_logs' as regclass) as bigint)),
  set_config('idle_in_transaction_session_timeout', '60s', true), set_config('enable_nestloop', 'off', true),
  cast(pg_current_xact_id() as text) as id
""")
# Of rows that a run has planned a moment ago the planner knows nothing yet: without the lists it reads the whole table,
# or (hence no nested loops) looks each row up through an index that hardly narrows it down.
_EVALUATED = """
update asset_check_executions as planned set
  execution_status = new.status, evaluation_event = new.event, evaluation_event_timestamp = new.at,
  evaluation_event_storage_id = new.id, materialization_event_storage_id = new.target
from unnest(cast(:asset_key as text[]), cast(:check_name as text[]), cast(:run_id as text[]),
  cast(:partition as text[]), cast(:execution_status as text[]), cast(:evaluation_event as text[]),
  cast(:evaluation_event_timestamp as timestamp[]), cast(:evaluation_event_storage_id as bigint[]),
  cast(:materialization_event_storage_id as bigint[]))
  with ordinality as new (asset, name, run, partition, status, event, at, id, target, place)
where planned.asset_key = any(:assets) and planned.check_name = any(:names) and planned.run_id = any(:runs)
  and planned.asset_key = new.asset and planned.check_name = new.name and planned.run_id = new.run
  and planned.partition {same} returning new.place
"""
_IN_PROGRESS = AssetCheckExecutionResolvedStatus.IN_PROGRESS
#: By these Dagster's classes tell whether a database has their tables.
_TABLES = frozenset({"runs", "instance_info", "event_logs", "jobs"})
_Row = dict[str, Any]
_Entry = tuple["EventLogEntry", _Row]


def keep_open(engine: Engine) -> Engine:
    """Have the pool of ``engine`` hand out again only connections of this process that the server has not hung up.

    Hanging up can be read from the socket, so nothing is sent to find out. Returns ``engine``.
    """

    @event.listens_for(engine, "checkout")
    def still_open(connection: Any, record: Any, proxy: Any) -> None:
        used = "process" in record.info
        if record.info.setdefault("process", os.getpid()) != os.getpid():
            record.dbapi_connection = proxy.dbapi_connection = None  # the parent's, which must not be closed
            raise DisconnectionError
        poll = select.poll()
        poll.register(connection.fileno(), select.POLLIN)
        if used and poll.poll(0):
            raise DisconnectionError

    return engine


class _Found:
    """What a database was found to have, once: it is asked again only for what it had not, as a migration adds it."""

    def __init__(self) -> None:
        self._known: set[str] = set()

    def __call__(self, what: str, look: Callable[[], bool]) -> bool:
        if what not in self._known and look():
            self._known.add(what)
        return what in self._known


class BatchedEventLogStorage(PostgresEventLogStorage):
    """``PostgresEventLogStorage`` that writes events by the batch, through connections that stay open."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        self._begin()
        super().__init__(*args, **kwargs)
        self._engine = keep_open(create_pg_engine(self.postgres_url, self._token_provider, **_POOL))

    def optimize_for_webserver(self, *args: Any, **kwargs: Any) -> None:
        """As Dagster's, which makes another engine."""
        self._engine.dispose()
        super().optimize_for_webserver(*args, **kwargs)
        keep_open(self._engine)

    def _begin(self) -> None:
        """Nothing waits in this process yet."""
        self._process = os.getpid()
        self._waiting: list[_Entry] = []
        self._errors: dict[str, Exception] = {}
        self._found = _Found()
        self._timer: threading.Timer | None = None
        self._lock, self._writer, self._writing = threading.Lock(), threading.RLock(), False
        # At the end of the process, also of a child of multiprocessing, which runs nothing of atexit.
        Finalize(self, _flush_at_exit, (weakref.ref(self),), exitpriority=0)

    def _after_fork(self) -> None:
        if self._process != os.getpid():  # what waits in the parent is the parent's
            self._begin()

    def store_event(self, event: "EventLogEntry") -> None:
        """Store an event soon; at once when it moves its run to another status.

        Raises why an earlier event of the run could not be stored, unless this one says that the run did not succeed.
        """
        self._after_fork()
        entry = (event, self._event_to_row(event))
        if problem := self._errors.pop(event.run_id, None):
            if event.dagster_event_type not in (DagsterEventType.RUN_FAILURE, DagsterEventType.RUN_CANCELED):
                raise problem
            _log.error("An event of run %s could not be stored: %s", event.run_id, problem)
        if event.is_dagster_event and event.get_dagster_event().is_job_event:
            self._flush(entry)
        elif self._wait([entry]):
            self._flush()

    def store_event_batch(self, events: Sequence["EventLogEntry"]) -> None:
        """Store events soon. A server that is away is no error yet: Dagster would store all of them once more."""
        self._after_fork()
        stored = [e for e in events if not e.get_dagster_event().is_asset_failed_to_materialize]
        if self._wait([(e, self._event_to_row(e)) for e in stored]):
            self._flush_or_wait()

    def store_evaluations(self, evaluations: Sequence[tuple["EventLogEntry", Mapping[str, int | None]]]) -> None:
        """Store evaluations of checks, each for many partitions: rows by which each has its status, and no event.

        Of each: the event of any partition, and of every partition the event id of the materialization it is about.
        A run over a thousand partitions whose checks pass would else write, and show, a thousand events a check.
        """
        rows = [row for entry, partitions in evaluations for row in self._evaluation_rows(entry, partitions)]
        if not rows:
            return
        try:
            self._replace_evaluations(rows)
        except DBAPIError as problem:
            if not _is_away(problem):
                raise
            self._replace_evaluations(rows)

    def _evaluation_rows(self, entry: "EventLogEntry", partitions: Mapping[str, int | None]) -> list[_Row]:
        stored = self._event_to_row(entry)
        row = _check_row(entry, stored) | _result(entry)
        as_json = json.loads(stored["event"])
        said = as_json["dagster_event"]["event_specific_data"]
        rows: list[_Row] = []
        for partition, target in partitions.items():
            said["partition"] = partition
            if said["target_materialization_data"]:
                said["target_materialization_data"]["storage_id"] = target
            of_partition = {"partition": partition, "materialization_event_storage_id": target}
            rows.append(row | of_partition | {"evaluation_event": json.dumps(as_json)})
        return rows

    def _replace_evaluations(self, rows: Sequence[_Row]) -> None:
        """In place of what the run planned, or stored before its connection was lost."""
        table = AssetCheckExecutionsTable.c
        partitions: dict[tuple[Any, Any, Any], list[str]] = defaultdict(list)
        for row in rows:
            partitions[row["run_id"], row["asset_key"], row["check_name"]].append(row["partition"])
        with self.index_transaction() as connection:
            connection.execute(_BEGIN)
            for (run, asset, check), some in partitions.items():
                connection.execute(
                    AssetCheckExecutionsTable.delete().where(
                        (table.asset_key == asset)
                        & (table.check_name == check)
                        & (table.run_id == run)
                        & (table.partition == sa.any_(sa.cast(some, postgresql.ARRAY(sa.Text))))
                    )
                )
            # What is newest is told by the id of an event: that of the last one will do.
            newest = connection.scalar(sa.select(func.max(SqlEventLogStorageTable.c.id)))
            connection.execute(
                AssetCheckExecutionsTable.insert(), [row | {"evaluation_event_storage_id": newest} for row in rows]
            )

    def get_asset_check_state(
        self, keys: Sequence[tuple["AssetCheckKey", "PartitionsDefinition | None"]]
    ) -> Mapping["AssetCheckKey", AssetCheckState]:
        """Statuses of checks by partition, as Dagster's, which adds one partition after another to a set.

        Checks mostly have the same partitions with the same status: what there is of those is worked out once for all.
        """
        found: dict[AssetCheckKey, list[AssetCheckPartitionInfo]] = defaultdict(list)
        for info in self.get_asset_check_partition_info([key for key, _ in keys]):
            found[info.check_key].append(info)
        planned_by = {i.latest_planned_run_id for infos in found.values() for i in infos if _status(i) == _IN_PROGRESS}
        ended = {}
        if planned_by:
            over = self._instance.get_runs(RunsFilter(run_ids=[*planned_by], statuses=FINISHED_STATUSES))
            ended = {run.run_id: run.status for run in over}
        every, same = cache(_keys), cache(_subset)
        return {
            key: _check_state(key, of, found[key], every(of), same).with_updates(key, of, [], ended) for key, of in keys
        }

    def dispose(self) -> None:
        """Write what waits, and close every connection."""
        self._flush_or_wait()
        super().dispose()
        self._engine.dispose()

    def has_table(self, table_name: str) -> bool:
        """Whether there is such a table; one that was there is not looked for again."""
        return self._found(f"table {table_name}", partial(super().has_table, table_name))

    def has_asset_key_col(self, column_name: str) -> bool:
        """Whether asset_keys has such a column; one that was there is not looked for again."""
        return self._found(f"column {column_name}", partial(super().has_asset_key_col, column_name))

    @contextmanager
    def index_transaction(self) -> Iterator[Connection]:
        """A connection in a transaction. Dagster's sets the isolation of the connection instead, and sets it back."""
        with self.index_connection() as connection:
            raw: Any = connection.connection.dbapi_connection
            raw.autocommit = False
            try:
                with connection.begin():
                    connection.execute(_ISOLATION)
                    yield connection
            finally:
                if not raw.closed:
                    raw.autocommit = True

    def _connect(self) -> AbstractContextManager[Connection]:
        """A connection that sees everything stored here."""
        self._after_fork()
        if self._waiting:
            self._flush()
        connected: AbstractContextManager[Connection] = super()._connect()
        return connected

    def _wait(self, entries: Sequence[_Entry] = ()) -> bool:
        """Have events wait; True when it is time to write them."""
        with self._lock:
            self._waiting += entries
            if self._waiting and self._timer is None:
                timer = threading.Timer(LONGEST_WAIT, self._flush_in_time)
                timer.daemon = True
                try:
                    timer.start()
                except RuntimeError:  # the interpreter is about to end
                    return True
                self._timer = timer
            return len(self._waiting) >= MOST_WAITING

    def _flush_in_time(self) -> None:
        with self._lock:
            self._timer = None
        self._flush_or_wait()

    def _flush_or_wait(self) -> None:
        try:
            self._flush()
        except Exception as problem:
            _log.warning("%s events wait for their database: %s", len(self._waiting), problem)
            self._wait()

    def _flush(self, status: _Entry | None = None) -> None:
        """Write what waits, and ``status`` with it. Raises when the server is away; what waited then still waits."""
        with self._writer:
            if self._writing:  # a read of the write itself
                return
            self._writing = True
            try:
                entries = self._waiting[:]
                self._write([*entries, status] if status else entries)
                self._written(len(entries))
            except Exception as problem:
                if _is_away(problem):
                    raise
                self._write_one_by_one(entries, status)
            finally:
                self._writing = False

    def _written(self, count: int) -> None:
        with self._lock:
            del self._waiting[:count]

    def _write_one_by_one(self, entries: Sequence[_Entry], status: _Entry | None) -> None:
        """The way of Dagster's own class, to find the event that cannot be stored."""
        for entry, _ in entries:
            try:
                super().store_event(entry)
            except Exception as problem:
                if _is_away(problem):
                    raise
                self._errors[entry.run_id] = problem
            self._written(1)
        if status:
            super().store_event(status[0])

    def _write(self, entries: Sequence[_Entry]) -> None:
        """Write in one transaction; once more when the connection was lost before it was committed."""
        begun: list[str] = []
        try:
            self._transaction(entries, begun)
        except DBAPIError as problem:
            if not _is_away(problem):
                raise
            if not (begun and self._was_committed(begun[0])):
                self._transaction(entries, begun)

    def _was_committed(self, transaction: str) -> bool:
        with self.index_transaction() as connection:
            connection.execute(_BEGIN)  # waits until it is over
            status = connection.scalar(text("select pg_xact_status(cast(:id as xid8))"), {"id": transaction})
            return bool(status == "committed")

    def _transaction(self, entries: Sequence[_Entry], begun: list[str]) -> None:
        if not entries:
            return
        with self.index_transaction() as connection:
            begun[:] = [connection.execute(_BEGIN).one().id]
            ids = connection.scalars(
                SqlEventLogStorageTable.insert().returning(SqlEventLogStorageTable.c.id, sort_by_parameter_order=True),
                [row for _, row in entries],
            )
            stored = [(entry, {**row, "id": number}) for (entry, row), number in zip(entries, ids, strict=True)]
            assets = [e for e in stored if e[0].dagster_event_type in ASSET_EVENTS and e[1]["asset_key"]]
            if assets:
                self._store_asset_event_tags(connection, [e for e, _ in assets], [row["id"] for _, row in assets])
                self._write_assets(connection, assets)
            if checks := [e for e in stored if e[0].dagster_event_type in ASSET_CHECK_EVENTS]:
                _write_checks(connection, checks)

    def _write_assets(self, connection: Connection, events: Sequence[_Entry]) -> None:
        """The row of each asset, in the same order everywhere. Of each kind of event the last one counts."""
        kinds: dict[str, dict[Any, _Entry]] = defaultdict(dict)
        for entry, row in events:
            kinds[row["asset_key"]].pop(entry.dagster_event_type, None)
            kinds[row["asset_key"]][entry.dagster_event_type] = (entry, row)
        indexed = self.has_secondary_index(ASSET_KEY_INDEX_COLS)
        columns = ("last_materialization", "last_run_id", "last_materialization_timestamp")
        rows: list[_Row] = [{"asset_key": asset, **dict.fromkeys(columns)} for asset in sorted(kinds)]
        for asset in rows:
            for entry, row in kinds[asset["asset_key"]].values():
                asset.update(self._get_asset_entry_values(entry, row["id"], indexed))
        insert = postgresql.insert(AssetKeyTable)
        changes = {name: func.coalesce(insert.excluded[name], AssetKeyTable.c[name]) for name in columns}
        connection.execute(insert.on_conflict_do_update(index_elements=["asset_key"], set_=changes), rows)


class AskedOnceRunStorage(PostgresRunStorage):
    """``PostgresRunStorage`` that asks once what its tables have; Dagster's asks four times a run."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        self._found = _Found()
        super().__init__(*args, **kwargs)

    def has_run_stats_index_cols(self) -> bool:
        """Whether runs have the columns of their times."""
        return self._found("has_run_stats_index_cols", super().has_run_stats_index_cols)

    def has_backfill_id_column(self) -> bool:
        """Whether runs have the column of their backfill."""
        return self._found("has_backfill_id_column", super().has_backfill_id_column)

    def has_bulk_actions_selector_cols(self) -> bool:
        """Whether backfills have the column of what they select."""
        return self._found("has_bulk_actions_selector_cols", super().has_bulk_actions_selector_cols)

    def has_bulk_action_job_name_column(self) -> bool:
        """Whether backfills have the column of their job."""
        return self._found("has_bulk_action_job_name_column", super().has_bulk_action_job_name_column)

    def has_backfill_tags_table(self) -> bool:
        """Whether there is the table of backfills' tags."""
        return self._found("has_backfill_tags_table", super().has_backfill_tags_table)


class AskedOnceScheduleStorage(PostgresScheduleStorage):
    """``PostgresScheduleStorage`` that asks once what its tables have; Dagster's asks for each state it reads."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        self._found = _Found()
        super().__init__(*args, **kwargs)

    def _has_instigators_table(self, conn: Connection) -> bool:
        return self._found("instigators", partial(super()._has_instigators_table, conn))

    def has_secondary_index_table(self) -> bool:
        """Whether there is the table of migrations of rows."""
        return self._found("secondary indexes", super().has_secondary_index_table)

    def has_built_index(self, migration_name: str) -> bool:
        """Whether a migration of rows is done."""
        return self._found(f"index {migration_name}", partial(super().has_built_index, migration_name))


def _check_row(entry: "EventLogEntry", stored: _Row) -> _Row:
    """What the row of a check's execution has of its event, planned or evaluated."""
    data: Any = entry.get_dagster_event().event_specific_data
    return {
        "asset_key": data.asset_key.to_string(),
        "check_name": data.check_name,
        "run_id": entry.run_id,
        "evaluation_event": stored["event"],
        "evaluation_event_timestamp": stored["timestamp"],
    }


def _result(entry: "EventLogEntry") -> _Row:
    """What an evaluation adds to it."""
    data: Any = entry.get_dagster_event().event_specific_data
    target = data.target_materialization_data
    return {
        "partition": data.partition,
        "execution_status": (_Status.SUCCEEDED if data.passed else _Status.FAILED).value,
        "materialization_event_storage_id": target.storage_id if target else None,
    }


def _write_checks(connection: Connection, events: Sequence[_Entry]) -> None:
    """Planned rows are new. A result takes the place of its run's row, or is new where nothing was planned."""
    rows: dict[Any, _Row] = {}
    planned_earlier: set[Any] = set()
    for entry, stored in events:
        data: Any = entry.get_dagster_event().event_specific_data
        row = _check_row(entry, stored) | {"evaluation_event_storage_id": stored["id"]}
        key = (row["asset_key"], row["check_name"], row["run_id"])
        if entry.dagster_event_type == DagsterEventType.ASSET_CHECK_EVALUATION_PLANNED:
            subset = data.partitions_subset
            row |= {"execution_status": _Status.PLANNED.value, "materialization_event_storage_id": None}
            for partition in subset.get_partition_keys() if subset else [None]:
                rows[*key, partition] = row | {"partition": partition}
            continue
        row |= _result(entry)
        if not entry.run_id:
            rows[stored["id"]] = row
            continue
        if (*key, data.partition) not in rows:
            planned_earlier.add((*key, data.partition))
        rows[*key, data.partition] = row
    for same in ("= new.partition", "is null"):
        some = [key for key in rows if key in planned_earlier and (key[3] is None) == (same == "is null")]
        if some:
            columns = {name: [rows[key][name] for key in some] for name in rows[some[0]]}
            lists = {"assets": "asset_key", "names": "check_name", "runs": "run_id"}
            given = columns | {name: sorted(set(columns[column])) for name, column in lists.items()}
            for place in connection.scalars(text(_EVALUATED.format(same=same)), given).all():
                del rows[some[place - 1]]
    if rows:
        connection.execute(AssetCheckExecutionsTable.insert(), list(rows.values()))


def _status(info: AssetCheckPartitionInfo) -> AssetCheckExecutionResolvedStatus | None:
    """Of a partition before it is known whether the run that planned it has ended; None: it was materialized since."""
    if info.latest_execution_status == _Status.PLANNED:
        return _IN_PROGRESS
    return AssetCheckExecutionResolvedStatus(info.latest_execution_status.value) if info.is_current else None


def _keys(partitions: "PartitionsDefinition | None") -> Set[str | None]:
    return frozenset(partitions.get_partition_keys()) if partitions else frozenset({None})


def _subset(partitions: "PartitionsDefinition | None", keys: tuple[Any, ...]) -> "PartitionsSubset | None":
    return partitions.subset_with_partition_keys(keys) if partitions else None


def _check_state(
    key: "AssetCheckKey",
    partitions: "PartitionsDefinition | None",
    infos: Sequence[AssetCheckPartitionInfo],
    every: Set[str | None],
    same: Callable[["PartitionsDefinition | None", tuple[Any, ...]], "PartitionsSubset | None"],
) -> AssetCheckState:
    """The state of a check whose running runs are taken to go on."""
    by_status: dict[AssetCheckExecutionResolvedStatus, list[Any]] = defaultdict(list)
    by_run: dict[str, list[Any]] = defaultdict(list)
    for info in infos:
        if (status := _status(info)) and info.partition_key in every:
            by_status[status].append(info.partition_key)
            if status == _IN_PROGRESS:
                by_run[info.latest_planned_run_id].append(info.partition_key)

    def subset(some: list[Any]) -> SerializableEntitySubset["AssetCheckKey"]:
        keys = tuple(sorted(some)) if partitions else ()
        return SerializableEntitySubset.from_coercible_value(key, same(partitions, keys), partitions)

    seen = (max(i.latest_check_event_storage_id, i.latest_materialization_storage_id or 0) for i in infos)
    return AssetCheckState(
        latest_storage_id=max(seen, default=0),
        subsets={status: subset(some) for status, some in by_status.items()},
        in_progress_runs={run: subset(some) for run, some in by_run.items()},
    )


def _is_away(problem: Exception) -> bool:
    if isinstance(problem, DBAPIError):
        return problem.connection_invalidated
    return isinstance(problem, DagsterPostgresException | PoolTimeoutError)


def _flush_at_exit(storage: Callable[[], BatchedEventLogStorage | None]) -> None:
    if found := storage():
        found._flush_or_wait()


class BatchedPostgresStorage(DagsterPostgresStorage):
    """``DagsterPostgresStorage`` that writes events by the batch and keeps connections open; for ``dagster.yaml``."""

    def __init__(
        self,
        postgres_url: str,
        should_autocreate_tables: bool = True,
        inst_data: "ConfigurableClassData | None" = None,
        token_provider: "PgTokenProvider | None" = None,
    ) -> None:
        super().__init__(postgres_url, False, inst_data, token_provider)
        self.should_autocreate_tables = should_autocreate_tables
        shared = keep_open(create_pg_engine(postgres_url, token_provider, **_POOL))
        if should_autocreate_tables:
            there = retry_pg_connection_fn(lambda: set(sa.inspect(shared).get_table_names()))
            if not there >= _TABLES:  # each of Dagster's classes makes its own
                DagsterPostgresStorage(postgres_url, token_provider=token_provider)
        self._run_storage = AskedOnceRunStorage(postgres_url, False, token_provider=token_provider)
        self._event_log_storage = BatchedEventLogStorage(postgres_url, False, token_provider=token_provider)
        self._schedule_storage = AskedOnceScheduleStorage(postgres_url, False, token_provider=token_provider)
        for storage in (self._run_storage, self._event_log_storage, self._schedule_storage):
            storage._engine = shared

    @classmethod
    def from_config_value(cls, inst_data: "ConfigurableClassData | None", config_value: Mapping[str, Any]) -> Self:
        """Dagster's way of making it; ``config_value`` as dagster-postgres takes it."""
        return cls(
            pg_url_from_config(config_value),
            config_value.get("should_autocreate_tables", True),
            inst_data,
            get_token_provider_from_config(config_value),
        )
