"""Statements of closed months by mail (docs/closing.md): every morning, each to each recipient once."""

from collections import Counter
from datetime import datetime, timedelta

import dagster as dg

from eventflow_pipeline.defs.closings import KEY as CLOSED_MONTHS
from eventflow_pipeline.defs.closings import MONTHLY
from eventflow_pipeline.defs.definition_time import TIMEZONE
from eventflow_pipeline.defs.resources import Warehouse
from eventflow_pipeline.defs.sources import OWNERS
from eventflow_pipeline.domain.months import Month
from eventflow_pipeline.reports.mailing import Outcome, is_due, mail_statements
from eventflow_pipeline.warehouse.closing.mailings import closings_in_force
from eventflow_pipeline.warehouse.db.engine import connect, server_time

KEY = dg.AssetKey("mailed_statements")
#: How long after its closing a statement is mailed by itself, and tried again where it was refused. Whoever names a
#: client's recipients later asks for older months by command.
_LOOK_BACK = timedelta(days=7)
_MOST_NAMED = 20

#: Written by the job below and by nothing else, as closed_months is.
mailed_statements = dg.AssetSpec(
    KEY,
    deps=[CLOSED_MONTHS],
    partitions_def=MONTHLY,
    group_name="closing",
    kinds={"email"},
    owners=OWNERS,
    description="Months of which a statement was mailed: to whom EVENTFLOW_MAIL_RECIPIENTS names for the client, once, "
    "after somebody closed the month. mail_statements_job mails what is due; one that was refused is tried again each "
    "morning for a week, and its run fails, which on-call is told.",
)


@dg.op(description="Mail the statements of months closed within a week, to whom they were not sent.")
def mail_closed_months(context: dg.OpExecutionContext, warehouse: Warehouse) -> None:
    """Mail what is due; fails, after all others were mailed, when a recipient was not sent theirs."""
    with connect(warehouse.engine) as connection:
        since = server_time(connection) - _LOOK_BACK
    done = mail_statements(warehouse.engine, warehouse.settings, closings_in_force(warehouse.engine, since=since))
    sent: Counter[Month] = Counter(mailing.closing.month for mailing in done if mailing.outcome is Outcome.SENT)
    for month, statements in sorted(sent.items()):
        context.log_event(
            dg.AssetMaterialization(KEY, partition=month.first.isoformat(), metadata={"statements": statements})
        )
    failed = [str(mailing) for mailing in done if mailing.failed]
    if failed:
        more = f"; and {len(failed) - _MOST_NAMED} more" if len(failed) > _MOST_NAMED else ""
        raise dg.Failure(
            "Statements were not mailed: "
            + "; ".join(failed[:_MOST_NAMED])
            + more
            + ". `eventflow mail --month` sends "
            "them at once, with --again also what may have been sent.",
            allow_retries=False,
        )


@dg.job(description="Mail the statements of months closed within a week, to whom they were not sent.")
def mail_statements_job() -> None:
    """See ``mail_closed_months``."""
    mail_closed_months()


@dg.schedule(
    name="mail_statements_schedule",
    job=mail_statements_job,
    cron_schedule="20 8 * * *",
    execution_timezone=TIMEZONE,
    default_status=dg.DefaultScheduleStatus.RUNNING,
    description="In the morning: statements of months that were closed, to whom EVENTFLOW_MAIL_RECIPIENTS names.",
)
def mail_statements_schedule(
    context: dg.ScheduleEvaluationContext, tick_warehouse: Warehouse
) -> dg.RunRequest | dg.SkipReason:
    """A run where a statement is due; none without a mail server."""
    at: datetime = context.scheduled_execution_time
    settings = tick_warehouse.settings
    if settings.mail.server is None:
        return dg.SkipReason("EVENTFLOW_MAIL_SERVER is unset: nothing is mailed")
    if not is_due(tick_warehouse.engine, settings, at - _LOOK_BACK):
        return dg.SkipReason("no statement is due")
    return dg.RunRequest(run_key=f"mail_statements:{at.isoformat()}")
