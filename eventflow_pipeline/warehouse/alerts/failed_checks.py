"""Asset checks that fail now, as ``stats.failed_check`` keeps them."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime

from sqlalchemy import Engine, text

from eventflow_pipeline.domain.conditions import Severity
from eventflow_pipeline.warehouse.db.engine import connect
from eventflow_pipeline.warehouse.db.sql import statement


@dataclass(frozen=True, slots=True)
class FailedCheck:
    """A check whose newest evaluation failed; ``partition`` is empty for an asset without partitions."""

    asset: str
    check_name: str
    partition: str
    severity: Severity
    run_id: str
    failed_at: datetime
    detail: str = ""

    @property
    def day(self) -> date | None:
        """The partition as a day, when it is one."""
        try:
            return date.fromisoformat(self.partition)
        except ValueError:
            return None


def failed(engine: Engine, failure: FailedCheck) -> None:
    """Note a failure."""
    with connect(engine) as connection:
        connection.execute(
            statement("storage/alerts/upsert_failed_check"),
            {
                "asset": failure.asset,
                "check_name": failure.check_name,
                "partition": failure.partition,
                "severity": failure.severity.value,
                "run_id": failure.run_id,
                "failed_at": failure.failed_at,
                "detail": failure.detail,
            },
        )


def passed(engine: Engine, asset: str, check_name: str, partitions: Sequence[str], run_id: str) -> None:
    """Delete the failures of these partitions, except those that the run itself reported."""
    with connect(engine) as connection:
        parameters = {"asset": asset, "check_name": check_name, "partitions": list(partitions), "run_id": run_id}
        connection.execute(statement("storage/alerts/delete_passed_checks"), parameters)


def failing(engine: Engine) -> list[FailedCheck]:
    """Every check that fails now."""
    with connect(engine) as connection:
        rows = connection.execute(text("select * from stats.failed_check order by check_name, asset, partition"))
        return [
            FailedCheck(r.asset, r.check_name, r.partition, Severity(r.severity), r.run_id, r.failed_at, r.detail)
            for r in rows
        ]
