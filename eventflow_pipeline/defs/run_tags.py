"""Tags of a run that say on whose behalf it replaces days: they end up in the ledger."""

import dagster as dg
from pydantic import Field

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


class ReplaceDaysConfig(dg.Config):
    """What a person may say of a run in Dagster's Launchpad; the tags say the same, and stand in the runs list."""

    reason: str = Field(default="", description="Why, in a few words; it stands in the ledger beside each day.")
    accept: bool = Field(
        default=False,
        description="Publish also what the guard against mass loss holds back: facts that vanished are then gone from "
        "the buckets. Needs a reason; your name is the run's tag `eventflow/author`.",
    )
    from_scratch: bool = Field(
        default=False,
        description="In a run that goes on where another failed: compute again also the days which that one finished.",
    )


def request_of(run: dg.DagsterRun, config: ReplaceDaysConfig) -> Request:
    """What the run's tags and config say: trigger and reason, author, accepted or not.

    Raises:
        dg.Failure: something is to be accepted without a reason.
    """
    trigger = run.tags.get(TRIGGER_TAG, ACCEPTED if config.accept else "backfill")
    reason = config.reason.strip() or run.tags.get(REASON_TAG) or run.tags.get(TICKET_TAG)
    if (config.accept or trigger == ACCEPTED) and not reason:
        raise dg.Failure(
            "Nothing is accepted without a reason: launch it again with `reason` in the config of replace_days, or "
            f"with the tag {REASON_TAG}.",
            allow_retries=False,
        )
    return Request(
        run_id=run.run_id,
        reason=f"{trigger}: {reason}" if reason else trigger,
        author=run.tags.get(AUTHOR_TAG) or run.tags.get("user") or "eventflow_pipeline",
        accepted=config.accept or trigger == ACCEPTED,
    )


def ticket_tags(ticket: str | None) -> dict[str, str]:
    """Tags of runs that somebody asked for because of ``ticket``."""
    return {TICKET_TAG: ticket} if ticket else {}
