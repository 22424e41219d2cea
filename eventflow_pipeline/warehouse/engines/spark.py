"""Days computed by a cluster that speaks Spark Connect, from what one snapshot of Postgres holds of them.

The statements are those of ``sql/numbers/``, carried to Spark's dialect and committed in ``sql/spark/``. What a day's
facts amount to by client, and their fingerprints, Postgres counts itself, in the same snapshot, while the cluster is
at work: where the two differ in anything nothing is published.
"""

import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Future
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from functools import reduce
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import UUID, uuid4

from pyarrow.fs import FileSelector, FileSystem, FileType, LocalFileSystem
from sqlalchemy import Connection, text

from eventflow_pipeline.logs import logger
from eventflow_pipeline.settings import Settings
from eventflow_pipeline.warehouse.db.engine import joining_by_hash
from eventflow_pipeline.warehouse.db.sql import sql_text, statement
from eventflow_pipeline.warehouse.engines.cluster import cluster_session, engine_errors, lake, stop
from eventflow_pipeline.warehouse.engines.day_engine import DayWork, EngineError
from eventflow_pipeline.warehouse.engines.files import EXPORTED, export, parquet_files, stage
from eventflow_pipeline.warehouse.fact_days import execute_folded

if TYPE_CHECKING:
    from pyspark.sql.connect.session import SparkSession
    from pyspark.sql.dataframe import DataFrame

_KEY = (
    "client_id", "entity_type", "entity_id", "link_id", "link_status", "utm_source", "utm_medium", "utm_campaign",
)  # fmt: skip
_MEASURES = ("hits", "visits", "sessionless_hits", "conversions")
_SESSION_DAYS = (*_KEY, "session_id", "hits", "conversions", "excluded", "folded_facts")
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
        folder = f"{root}/{datetime.now(UTC):%Y%m%dT%H%M%SZ}-{work.day}-{uuid4().hex[:12]}"
        _create(files, folder, self.settings)
        day = SparkDay(connection, work, self.settings, files, folder)
        try:
            yield day
        finally:
            day.stop()
            with _left_for_later():
                files.delete_dir(folder)
            delete_left_files(self.settings)


def _create(files: FileSystem, folder: str, settings: Settings) -> None:
    """Of files on this machine nobody else reads session ids: but a named cluster may share them by their group."""
    if isinstance(files, LocalFileSystem):
        Path(folder).parent.mkdir(parents=True, exist_ok=True)
        Path(folder).mkdir(mode=0o770 if settings.spark.url else 0o700)
    else:
        files.create_dir(folder, recursive=True)


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
    """Exported, computed in one go, staged by COPY."""

    connection: Connection
    work: DayWork
    settings: Settings
    files: FileSystem
    folder: str
    _rows: dict[str, int] = field(default_factory=dict)
    _sessions: list["SparkSession"] = field(default_factory=list)

    def stage_session_days(self) -> None:
        """Export the day, have it computed, and stage its session-days with Postgres' fingerprints of their facts."""
        begun = time.monotonic()
        for view in EXPORTED:
            path = f"{self.folder}/{view}.parquet"
            self._rows[view] = export(self.connection, view, self.work.bounds, self.files, path)
        self.connection.execute(statement("storage/export/create_client_facts_stage"))
        exported = time.monotonic()
        computed = self._begin() if self._facts else None
        execute_folded(self.connection, "storage/export/insert_client_facts_stage", self.work.bounds)
        if computed:
            self._wait_for(computed)
        done = time.monotonic()
        stage(self.connection, "stage_session_days", _SESSION_DAYS, self.files, f"{self.folder}/session_days")
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
            facts=self._facts,
            export_seconds=round(exported - begun, 3),
            compute_seconds=round(done - exported, 3),
            stage_seconds=round(time.monotonic() - done, 3),
        )

    def stage_buckets(self) -> None:
        """Fill ``stage_buckets``, and add up what each grain and client got."""
        stage(self.connection, "stage_buckets", _BUCKETS, self.files, f"{self.folder}/buckets")
        self._require_sums("buckets", {})

    def insert_campaign_hours(self, day: date, held_clients: Sequence[UUID | None]) -> None:
        """Insert the hour buckets."""
        self.connection.execute(statement("storage/export/create_campaign_hours_stage"))
        stage(self.connection, "stage_campaign_hours", _HOURS, self.files, f"{self.folder}/campaign_hours")
        listed = {"clients": self.work.clients, "campaigns": self.work.campaigns}
        self._require_sums("campaign_hours", {**listed, "held_clients": held_clients})
        parameters = {"bucket_date": day, "held_clients": held_clients}
        self.connection.execute(statement("storage/export/insert_staged_campaign_hours"), parameters)

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

    @property
    def _facts(self) -> int:
        return self._rows["visit_facts"] + self._rows["entry_facts"]

    def stop(self) -> None:
        """Tell the cluster to stop what it still computes."""
        for session in self._sessions:
            stop(session)

    def _begin(self) -> Future[None]:
        """Have it computed in a thread of its own, which nobody waits for: a client may wait for an answer for ever."""
        computed: Future[None] = Future()

        def work() -> None:
            try:
                with cluster_session(self.settings) as session:
                    self._sessions.append(session)
                    self._compute(session)
            except BaseException as problem:
                computed.set_exception(problem)
            else:
                computed.set_result(None)
            self._sessions.clear()

        threading.Thread(target=work, name=f"cluster-{self.work.day}", daemon=True).start()
        return computed

    def _wait_for(self, computed: Future[None]) -> None:
        """Until the cluster is done, fails or is late. Whoever cancels what the connection does ends the wait."""
        deadline = time.monotonic() + self.settings.spark.timeout_seconds
        while not computed.done():
            if time.monotonic() > deadline:
                raise EngineError(
                    f"{self.work.day}: the cluster was not done within {self.settings.spark.timeout_seconds} s "
                    "(EVENTFLOW_SPARK_TIMEOUT_SECONDS); it was told to stop, and nothing of the day was published."
                )
            self.connection.execute(text("select pg_sleep(0.02)"))
        computed.result()

    def _compute(self, session: "SparkSession") -> None:
        def read(view: str, name: str) -> None:
            session.read.parquet(self._uri(name)).createOrReplaceTempView(view)

        def ask(name: str, parameters: dict[str, Any]) -> "DataFrame":
            return session.sql(sql_text(f"spark/{name}"), args=parameters or None)

        def write(rows: "DataFrame", name: str) -> None:
            rows.write.parquet(self._uri(name))

        with engine_errors(self.settings, "did not compute it"):
            for view in EXPORTED:
                read(f"stats_{view}", f"{view}.parquet")
            (counted,) = ask("exported_ids", self.work.bounds).collect()
            if not counted.facts == counted.ids == self._facts:
                raise EngineError(
                    f"{self.work.day}: of {self._facts} exported facts the cluster read {counted.facts} with "
                    f"{counted.ids} ids; nothing of the day was published."
                )
            folds = {**self.work.bounds, "fold_rules": self._rows["fold_rule"]}
            write(ask("session_days", folds), "session_days")
            read("stage_session_days", "session_days")
            write(ask("cells", {}), "cells")
            if parquet_files(self.files, f"{self.folder}/cells"):
                read("stage_cells", "cells")
                grains = [ask("buckets", dict(grain)) for grain in self.work.grains]
                write(reduce(lambda one, other: one.unionAll(other), grains), "buckets")
            if self.work.clients or self.work.campaigns:
                lists = {"clients": self.work.clients, "campaigns": self.work.campaigns}
                listed = {name: ",".join(map(str, ids)) for name, ids in lists.items()}
                write(ask("campaign_hours", {**folds, **listed}), "campaign_hours")

    def _uri(self, name: str) -> str:
        root = lake(self.settings).rstrip("/")
        return f"{root}/{self.folder.rpartition('/')[2]}/{name}"
