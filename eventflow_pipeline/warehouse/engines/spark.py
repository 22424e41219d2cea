"""Days computed by a cluster that speaks Spark Connect, from what one snapshot of Postgres holds of them.

The statements are those of ``sql/numbers/``, carried to Spark's dialect and committed in ``sql/spark/``. What a day's
facts amount to by client, and their fingerprints, Postgres counts itself, in the same snapshot, while the cluster is
at work: where the two differ in anything nothing is published.
"""

import hashlib
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import UUID, uuid4

from pyarrow.fs import FileSelector, FileSystem, FileType, LocalFileSystem
from sqlalchemy import Connection, text

from eventflow_pipeline.logs import logger
from eventflow_pipeline.settings import Settings
from eventflow_pipeline.warehouse.db.engine import joining_by_hash
from eventflow_pipeline.warehouse.db.sql import sql_text, statement
from eventflow_pipeline.warehouse.engines.cluster import engine_errors, lake
from eventflow_pipeline.warehouse.engines.day_engine import DayWork, EngineError
from eventflow_pipeline.warehouse.engines.files import EXPORTED, FACTS, export, parquet_files, stage
from eventflow_pipeline.warehouse.engines.jobs import GATHERING, Computed, Exported, Turn, Work
from eventflow_pipeline.warehouse.fact_days import execute_folded

if TYPE_CHECKING:
    from pyspark.sql.connect.session import SparkSession
    from pyspark.sql.dataframe import DataFrame

_KEY = (
    "client_id", "entity_type", "entity_id", "link_id", "link_status", "utm_source", "utm_medium", "utm_campaign",
)  # fmt: skip
_MEASURES = ("hits", "visits", "sessionless_hits", "conversions")
_SESSION_DAYS = (*_KEY, "session_id", "hits", "conversions", "excluded", "folded_facts")
#: Column by which the statements tell apart the days that are computed together.
_DAY = "day_no"
_BUCKETS = ("grain", *_KEY, *_MEASURES)
_HOURS = ("bucket_hour", "client_id", "entity_type", "entity_id", *_MEASURES)
#: Files of a computation that did not live to delete its own are deleted after this time, by the next one or at night.
_KEPT = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class SparkEngine:
    """``EVENTFLOW_ENGINE=spark``."""

    settings: Settings

    @contextmanager
    def computing(self, connection: Connection, work: DayWork) -> Iterator["SparkDay"]:
        """The day as the cluster computes it; its files are gone afterwards. Raises EngineError, UserError."""
        files, root = FileSystem.from_uri(lake(self.settings))
        folder = _new_folder(files, root, str(work.day), self.settings)
        day = SparkDay(connection, work, self.settings, files, folder)
        try:
            yield day
        finally:
            day.stop()
            with _left_for_later():
                files.delete_dir(folder)
            delete_left_files(self.settings)


def _new_folder(files: FileSystem, root: str, what: str, settings: Settings) -> str:
    """Of files on this machine nobody else reads session ids: but a named cluster may share them by their group."""
    folder = f"{root}/{datetime.now(UTC):%Y%m%dT%H%M%SZ}-{what}-{uuid4().hex[:12]}"
    if isinstance(files, LocalFileSystem):
        Path(folder).parent.mkdir(parents=True, exist_ok=True)
        Path(folder).mkdir(mode=0o770 if settings.spark.url else 0o700)
    else:
        files.create_dir(folder, recursive=True)
    return folder


def delete_left_files(settings: Settings) -> None:
    """Delete the files of computations that did not live to delete their own. What cannot be deleted stays, logged."""
    oldest = f"{datetime.now(UTC) - _KEPT:%Y%m%dT%H%M%SZ}"
    with _left_for_later():
        files, root = FileSystem.from_uri(lake(settings))
        for found in files.get_file_info(FileSelector(root, allow_not_found=True)):
            name = found.base_name
            if found.type is FileType.Directory and name[:8].isdigit() and name[8:9] == "T" and name < oldest:
                with _left_for_later():
                    files.delete_dir(found.path)


@contextmanager
def _left_for_later() -> Iterator[None]:
    """A day that is right is published, and one that is held says so, whatever becomes of its files."""
    try:
        yield
    except OSError as problem:
        logger().warning("files of a computation were not deleted", error=type(problem).__name__)


@dataclass(slots=True)
class SparkDay:
    """Exported, computed in one go, alone or with others, and staged by COPY."""

    connection: Connection
    work: DayWork
    settings: Settings
    files: FileSystem
    folder: str
    _turn: Turn | None = None
    _computed: Computed | None = None

    @property
    def by(self) -> Mapping[str, str]:
        """The cluster; nobody, where the day has no facts."""
        return self._computed.by if self._computed else {}

    def stage_session_days(self) -> None:
        """Export the day, have it computed, and stage its session-days with Postgres' fingerprints of their facts."""
        begun = time.monotonic()
        with GATHERING.exporting():
            exported = self._export()
            if exported.facts:
                self._turn = GATHERING.join(
                    Work(self.settings, partial(compute, self.settings), self._delete), exported
                )
        done = time.monotonic()
        execute_folded(self.connection, "storage/export/insert_client_facts_stage", self.work.bounds)
        if self._turn:
            self._computed = self._wait_for(self._turn)
        computed = time.monotonic()
        self._stage("stage_session_days", _SESSION_DAYS, "session_days")
        with joining_by_hash(self.connection):
            differing = self.connection.execute(statement("storage/export/select_differing_clients")).scalar_one()
            if differing:
                raise EngineError(
                    f"{self.work.day}: {differing} clients' facts are other than Postgres counts them; nothing of the "
                    "day was published. Set EVENTFLOW_ENGINE=postgres and report it."
                )
            self.connection.execute(statement("storage/export/update_session_days_stage"))
        logger().info(
            "day computed by cluster",
            day=str(self.work.day),
            facts=exported.facts,
            by=self.by,
            export_seconds=round(done - begun, 3),
            compute_seconds=round(computed - done, 3),
            stage_seconds=round(time.monotonic() - computed, 3),
        )

    def stage_buckets(self) -> None:
        """Fill ``stage_buckets``, and add up what each grain and client got."""
        self._stage("stage_buckets", _BUCKETS, "buckets")
        self._require_sums("buckets", {})

    def insert_campaign_hours(self, day: date, held_clients: Sequence[UUID | None]) -> None:
        """Insert the hour buckets."""
        self.connection.execute(statement("storage/export/create_campaign_hours_stage"))
        self._stage("stage_campaign_hours", _HOURS, "campaign_hours")
        listed = {"clients": self.work.clients, "campaigns": self.work.campaigns}
        self._require_sums("campaign_hours", {**listed, "held_clients": held_clients})
        parameters = {"bucket_date": day, "held_clients": held_clients}
        self.connection.execute(statement("storage/export/insert_staged_campaign_hours"), parameters)

    def _stage(self, table: str, columns: Sequence[str], name: str) -> None:
        if self._computed:
            stage(self.connection, table, columns, self.files, self._computed.of(name))

    def _require_sums(self, what: str, parameters: Mapping[str, Any]) -> None:
        """Also of a day that no other engine has computed: what is staged adds up to the session-days it is made of."""
        with joining_by_hash(self.connection):
            counted = statement(f"storage/export/select_differing_{what}")
            differing = self.connection.execute(counted, parameters).scalar_one()
        if differing:
            raise EngineError(
                f"{self.work.day}: {differing} sums of {what.replace('_', ' ')} are not what Postgres counts of the "
                "same session-days; nothing of the day was published. Set EVENTFLOW_ENGINE=postgres and report it."
            )

    def _export(self) -> Exported:
        rows, dimensions = {}, hashlib.sha256()
        for view in EXPORTED:
            path = f"{self.folder}/{view}.parquet"
            digest = None if view in FACTS else dimensions
            rows[view] = export(self.connection, view, self.work.bounds, self.files, path, digest)
            if digest:
                digest.update(f"\n{view}\n".encode())
        self.connection.execute(statement("storage/export/create_client_facts_stage"))
        facts = sum(rows[view] for view in FACTS)
        return Exported(self.work, self.folder, facts, rows["fold_rule"], dimensions.hexdigest())

    def _delete(self, folder: str) -> None:
        with _left_for_later():
            self.files.delete_dir(folder)

    def stop(self) -> None:
        """Want nothing any more."""
        if self._turn:
            self._turn.leave()

    def _wait_for(self, turn: Turn) -> Computed:
        """Until the cluster is done, fails or is late. Whoever cancels what the connection does ends the wait."""
        limits, begun = self.settings.spark, time.monotonic()
        while not turn.computed.done():
            now, asked = time.monotonic(), turn.asked
            late = ""
            if now - begun > limits.timeout_seconds:
                late = f"was not done within {limits.timeout_seconds} s (EVENTFLOW_SPARK_TIMEOUT_SECONDS)"
            elif asked and now - asked[1] > limits.statement_timeout_seconds:
                late = (
                    f"did not answer the statement {asked[0]} within {limits.statement_timeout_seconds} s "
                    "(EVENTFLOW_SPARK_STATEMENT_TIMEOUT_SECONDS)"
                )
            if late:
                raise EngineError(
                    f"{self.work.day}: the cluster {late}; it was told to stop, and nothing of the day was published: "
                    "see what keeps it, or set a longer time."
                )
            self.connection.execute(text("select pg_sleep(0.02)"))
        return turn.computed.result()


def compute(
    settings: Settings, session: "SparkSession", days: Sequence[Exported], asking: Callable[[str], None]
) -> tuple[str, Sequence[str]]:
    """Compute exported days, whose windows are apart; returns the folder of the results and what in it each day's part
    is called. Of several, each one's rows are in a folder by its number. ``asking`` is told the name of each statement
    when it begins. Raises EngineError.
    """
    files, root = FileSystem.from_uri(lake(settings))
    folder = _new_folder(files, root, "job", settings)
    try:
        with engine_errors(settings, "did not compute it"):
            _compute_into(folder, files, settings, session, days, asking)
    except BaseException:
        with _left_for_later():
            files.delete_dir(folder)
        raise
    numbers = _numbers(days)
    return folder, [f"{_DAY}={numbers[day.work.day]}" if len(days) > 1 else "" for day in days]


def _numbers(days: Sequence[Exported]) -> dict[date, int]:
    """The days' numbers, as the statements give them: how many of the days' first instants an instant has reached."""
    return {day.work.day: n for n, day in enumerate(sorted(days, key=lambda day: day.work.window_start), 1)}


def _compute_into(
    folder: str,
    files: FileSystem,
    settings: Settings,
    session: "SparkSession",
    days: Sequence[Exported],
    asking: Callable[[str], None],
) -> None:
    root = lake(settings).rstrip("/")

    def uri(name: str) -> str:
        return f"{root}/{name.removeprefix(folder.rpartition('/')[0]).lstrip('/')}"

    def read(view: str, *names: str) -> None:
        session.read.parquet(*map(uri, names)).createOrReplaceTempView(view)

    def ask(name: str, parameters: dict[str, Any]) -> "DataFrame":
        asking(name)
        return session.sql(sql_text(f"spark/{name}"), args=parameters or None)

    def write(rows: "DataFrame", name: str) -> None:
        writer = rows.write.partitionBy(_DAY) if len(days) > 1 else rows.write
        writer.parquet(uri(f"{folder}/{name}"))

    for view in EXPORTED:
        # Beside facts the days' exports say the same.
        read(f"stats_{view}", *(f"{day.folder}/{view}.parquet" for day in (days if view in FACTS else days[:1])))
    starts = sorted(day.work.window_start for day in days)
    window = {
        "window_start": starts[0],
        "window_end": max(day.work.window_end for day in days),
        "starts": ",".join(start.astimezone(UTC).isoformat() for start in starts),
    }
    counted = {row[_DAY]: row for row in ask("exported_ids", window).collect()}
    for day, number in _numbers(days).items():
        exported = next(one.facts for one in days if one.work.day == day)
        facts, ids = (counted[number].facts, counted[number].ids) if number in counted else (0, 0)
        if not facts == ids == exported:
            raise EngineError(
                f"{day}: of {exported} exported facts the cluster read {facts} with {ids} ids; nothing of the day was "
                "published."
            )
    work, folds = days[0].work, {**window, "fold_rules": days[0].fold_rules}
    write(ask("session_days", folds), "session_days")
    read("stage_session_days", f"{folder}/session_days")
    write(ask("cells", {}), "cells")
    if parquet_files(files, f"{folder}/cells"):
        read("stage_cells", f"{folder}/cells")
        session.createDataFrame([dict(grain) for grain in work.grains]).createOrReplaceTempView("grains")
        write(ask("buckets", {}), "buckets")
    if work.clients or work.campaigns:
        lists = {"clients": work.clients, "campaigns": work.campaigns}
        listed = {name: ",".join(map(str, ids)) for name, ids in lists.items()}
        write(ask("campaign_hours", {**folds, **listed}), "campaign_hours")
