"""The database of facts and buckets as a Dagster resource, of runs and of ticks."""

from collections.abc import Callable, Hashable
from concurrent.futures import Future
from contextlib import ExitStack
from functools import cached_property
from typing import Any, TypeVar

import dagster as dg
from pydantic import Field, PrivateAttr
from sqlalchemy import Engine

from eventflow_pipeline.errors import UserError
from eventflow_pipeline.settings import Settings, load_settings
from eventflow_pipeline.warehouse.db.at_once import at_once, stop
from eventflow_pipeline.warehouse.db.engine import connect, pipeline_engine
from eventflow_pipeline.warehouse.db.locks import run_alive
from eventflow_pipeline.warehouse.schema.build_settings import require_build_settings

T = TypeVar("T")


class Warehouse(dg.ConfigurableResource):  # type: ignore[type-arg]
    """Connections as the pipeline role, for one run or one tick; addresses and limits come from ``EVENTFLOW_*``.

    Settings are read again for every run and tick. A run connects at its start; a tick when it first asks, so that a
    sensor can say itself that there is no database.
    """

    statement_timeout_seconds: int | None = Field(
        default=None,
        description="Longest a statement, or the wait for a lock, may take here, where the settings allow more. "
        "Dagster gives up on a sensor's tick after 60 s, on a schedule's after DAGSTER_SCHEDULE_GRPC_TIMEOUT_SECONDS.",
    )
    _open: ExitStack = PrivateAttr(default_factory=ExitStack)
    _begun: dict[Hashable, Future[Any]] = PrivateAttr(default_factory=dict)

    def setup_for_execution(self, context: dg.InitResourceContext) -> None:
        """Of a run: connect, and show that it is alive."""
        self._open, self._begun = ExitStack(), {}  # of this copy of the resource alone
        if context.run:
            try:
                self._open.enter_context(run_alive(self.engine, context.run.run_id))
            except UserError as problem:
                raise dg.Failure(str(problem), allow_retries=False) from problem

    def teardown_after_execution(self, context: Any) -> None:  # noqa: ARG002
        """Stop what a cancelled run has left at work, and close every connection."""
        if "unchecked_engine" in self.__dict__:
            stop(self.unchecked_engine)
        self._open.close()

    def begin(self, what: Hashable, work: Callable[[], object]) -> None:
        """Do in a thread, while this step of the run goes on, what a later one is to do; ends with the run."""
        self._begun[what] = self._open.enter_context(at_once(self.engine, 1))(work)

    def begun(self, what: Hashable, work: Callable[[], T]) -> T:
        """What ``work`` returns: where it was begun, when it has ended, else it is done now."""
        begun: Future[T] | None = self._begun.pop(what, None)
        return begun.result() if begun else work()

    @cached_property
    def settings(self) -> Settings:
        """Settings of this run or tick.

        Raises:
            UserError: a setting is wrong.
        """
        settings = load_settings()
        most = self.statement_timeout_seconds
        if most is None:
            return settings
        names = ("statement_timeout_seconds", "lock_timeout_seconds")
        return settings.changed(database={name: min(most, getattr(settings.database, name)) for name in names})

    @cached_property
    def unchecked_engine(self) -> Engine:
        """As ``engine``, to a database in any state: for what notifies people of it."""
        engine = pipeline_engine(self.settings)
        self._open.callback(engine.dispose)
        return engine

    @cached_property
    def engine(self) -> Engine:
        """Engine whose every connection runs as the pipeline role.

        Raises:
            UserError: the database cannot be reached, is not migrated, or has other build settings (T1).
        """
        with connect(self.unchecked_engine) as connection:
            require_build_settings(connection, self.settings)
        return self.unchecked_engine


#: The resources of all runs and ticks. A sensor's tick ends well before Dagster gives up on it; sources of alerts are
#: several; a sweep compares weeks.
WAREHOUSES = {
    "warehouse": Warehouse(),
    "tick_warehouse": Warehouse(statement_timeout_seconds=40),
    "alert_warehouse": Warehouse(statement_timeout_seconds=20),
    "sweep_warehouse": Warehouse(statement_timeout_seconds=240),
}
