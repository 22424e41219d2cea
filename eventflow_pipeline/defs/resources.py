"""The database of facts and buckets as a Dagster resource."""

from contextlib import ExitStack
from typing import Any

import dagster as dg
from pydantic import PrivateAttr
from sqlalchemy import Engine

from eventflow_pipeline.errors import UserError
from eventflow_pipeline.settings import Settings, load_settings
from eventflow_pipeline.warehouse.db.engine import connect, pipeline_engine
from eventflow_pipeline.warehouse.db.locks import run_alive
from eventflow_pipeline.warehouse.schema.migrations import require_build_settings


class Warehouse(dg.ConfigurableResource):  # type: ignore[type-arg]
    """Connections as the pipeline role, for one run; the address and every limit come from ``EVENTFLOW_*``."""

    _settings: Settings = PrivateAttr()
    _engine: Engine = PrivateAttr()
    _open: ExitStack = PrivateAttr(default_factory=ExitStack)

    def setup_for_execution(self, context: dg.InitResourceContext) -> None:
        """Open the engine, refuse build settings other than the stored one (T1), and show that this run is alive."""
        try:
            self._settings = load_settings()
            self._engine = pipeline_engine(self._settings)
            self._open = ExitStack()
            connection = self._open.enter_context(connect(self._engine))
            require_build_settings(connection, self._settings)
            if context.run:
                self._open.enter_context(run_alive(connection, context.run.run_id))
        except UserError as problem:
            raise dg.Failure(str(problem), allow_retries=False) from problem

    def teardown_after_execution(self, context: Any) -> None:  # noqa: ARG002
        """Close every connection."""
        self._open.close()
        self._engine.dispose()

    @property
    def engine(self) -> Engine:
        """Engine whose every connection runs as the pipeline role."""
        return self._engine

    @property
    def settings(self) -> Settings:
        """Settings of this process."""
        return self._settings
