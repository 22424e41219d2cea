"""Tags of a run that say on whose behalf it replaces days: they end up in the ledger."""

import dagster as dg

from eventflow_pipeline.warehouse.days.replacement import Request

#: ``heal`` or ``schedule``: started by itself. ``measure``: replaces no day, measures and checks. ``accepted``, with a
#: reason: apply also what the guard against mass loss holds. Unset: somebody's own backfill. People may set these tags
#: in the user interface, too.
TRIGGER_TAG = "eventflow/trigger"
#: Why, in a few words: a ticket, what was accepted.
REASON_TAG = "eventflow/reason"
#: Who asked for it.
AUTHOR_TAG = "eventflow/author"

#: Of a correction: finds its runs in Dagster. The name is what people type into the user interface's tag field.
TICKET_TAG = "ticket"

HEAL, SCHEDULE, ACCEPTED, MEASURE = "heal", "schedule", "accepted", "measure"


def request_of(run: dg.DagsterRun) -> Request:
    """What the run's tags say: trigger and reason, author, accepted or not. Nothing is accepted without a reason."""
    trigger = run.tags.get(TRIGGER_TAG, "backfill")
    reason = run.tags.get(REASON_TAG) or run.tags.get(TICKET_TAG)
    return Request(
        run_id=run.run_id,
        reason=f"{trigger}: {reason}" if reason else trigger,
        author=run.tags.get(AUTHOR_TAG) or run.tags.get("user") or "eventflow_pipeline",
        accepted=trigger == ACCEPTED and bool(reason),
    )


def ticket_tags(ticket: str | None) -> dict[str, str]:
    """Tags of runs that somebody asked for because of ``ticket``."""
    return {TICKET_TAG: ticket} if ticket else {}
