"""What Dagster 1.13 offers no public API for: pruning its own history. A test holds the version these were read in.

Dagster keeps runs, events, check executions and (but for its own retention of ticks) ticks for ever, and deleting a
run leaves its check executions behind.
"""

from contextlib import AbstractContextManager
from datetime import UTC, datetime

import dagster as dg
from dagster._core.scheduler.instigation import TickStatus
from sqlalchemy import Connection

from eventflow_pipeline.warehouse.sql_files import statement

#: Minor version of Dagster whose tables and calls are used here.
VERIFIED_WITH = "1.13"


def superseded_runs(instance: dg.DagsterInstance, before: datetime, most: int) -> list[str]:
    """Ids, oldest first, of automatic runs from before ``before`` (aware) whose every result has a later one.

    Without them every partition and every check still has the status it has. Only on a Postgres storage.
    """
    with _storage(instance) as connection:
        found = connection.execute(
            statement("retention/select_superseded_runs"),
            {"before": before.astimezone(UTC).replace(tzinfo=None), "most": most},
        )
        return [row.run_id for row in found]


def delete_orphaned_check_executions(instance: dg.DagsterInstance) -> int:
    """Remove the check executions of deleted runs; returns how many."""
    with _storage(instance) as connection:
        return int(connection.execute(statement("retention/delete_orphaned_check_executions")).rowcount)


def purge_ticks(instance: dg.DagsterInstance, before: datetime) -> None:
    """Remove ticks from before ``before`` that did their work or had none; failed ones are Dagster's to keep."""
    for state in instance.all_instigator_state():
        instance.purge_ticks(
            state.instigator_origin_id,
            state.selector_id,
            before.timestamp(),
            [TickStatus.SKIPPED, TickStatus.SUCCESS],
        )


def _storage(instance: dg.DagsterInstance) -> AbstractContextManager[Connection]:
    """A connection to Dagster's own database."""
    connected: AbstractContextManager[Connection] = instance.event_log_storage.index_connection()  # type: ignore[attr-defined]
    return connected
