"""Asset checks that fail now, as ``stats.failed_check`` keeps them."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from uuid import UUID

from sqlalchemy import Engine, text

from eventflow_pipeline.domain.conditions import Severity
from eventflow_pipeline.domain.days import DayRange
from eventflow_pipeline.warehouse.db.engine import connect
from eventflow_pipeline.warehouse.db.sql import statement


@dataclass(frozen=True, slots=True)
class FailedCheck:
    """A check whose newest evaluation failed; ``partition`` is empty for an asset without partitions.

    ``client``: whom the finding is about, an id; empty for everybody and for the unknown one.
    """

    asset: str
    check_name: str
    partition: str
    severity: Severity
    run_id: str
    failed_at: datetime
    detail: str = ""
    client: str = ""

    @property
    def client_id(self) -> UUID | None:
        """The one client the finding is about."""
        return UUID(self.client) if self.client else None

    @property
    def day(self) -> date | None:
        """The partition as a day, when it is one."""
        try:
            return date.fromisoformat(self.partition)
        except ValueError:
            return None


def failed(engine: Engine, failures: Sequence[FailedCheck]) -> None:
    """Note the failures of one evaluation, one for each client; those it found before of other clients are over."""
    first = failures[0]
    evaluation = {"asset": first.asset, "check_name": first.check_name, "partition": first.partition}
    with connect(engine) as connection:
        for failure in failures:
            connection.execute(
                statement("storage/alerts/upsert_failed_check"),
                {
                    **evaluation,
                    "client": failure.client,
                    "severity": failure.severity.value,
                    "run_id": failure.run_id,
                    "failed_at": failure.failed_at,
                    "detail": failure.detail,
                },
            )
        connection.execute(
            statement("storage/alerts/delete_other_failed_checks"),
            {**evaluation, "clients": [failure.client for failure in failures]},
        )


def passed(engine: Engine, asset: str, check_name: str, partitions: Sequence[str], run_id: str) -> None:
    """Delete the failures of these partitions, except those that the run itself reported."""
    with connect(engine) as connection:
        parameters = {"asset": asset, "check_name": check_name, "partitions": list(partitions), "run_id": run_id}
        connection.execute(statement("storage/alerts/delete_passed_checks"), parameters)


def failing(engine: Engine) -> list[FailedCheck]:
    """Every check that fails now."""
    with connect(engine) as connection:
        rows = connection.execute(
            text("select * from stats.failed_check order by check_name, client, asset, partition")
        )
        return [
            FailedCheck(
                r.asset, r.check_name, r.partition, Severity(r.severity), r.run_id, r.failed_at, r.detail, r.client
            )
            for r in rows
        ]


def told_live(engine: Engine, now: datetime) -> Mapping[str, Sequence[DayRange]]:
    """Days, by client, on which people were told within the minute that visits were missing or a stream was quiet."""
    told: dict[str, list[DayRange]] = defaultdict(list)
    with connect(engine) as connection:
        rows = connection.execute(statement("storage/alerts/select_told_live"), {"since": now - timedelta(days=90)})
        for row in rows:
            told[str(row.client_id)].append(DayRange(row.first_day, row.last_day))
    return told
