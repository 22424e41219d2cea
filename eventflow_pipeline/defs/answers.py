"""Answering incidents from Dagster's launchpad, for who lives there: what ``eventflow alerts`` and ``accept`` do."""

from datetime import UTC, date, datetime
from typing import Literal
from uuid import UUID

import dagster as dg
from pydantic import Field

from eventflow_pipeline.defs.resources import Warehouse
from eventflow_pipeline.domain.checks import QUALITY_CHECKS
from eventflow_pipeline.domain.days import DayRange, today
from eventflow_pipeline.errors import UserError
from eventflow_pipeline.oncall import answers
from eventflow_pipeline.warehouse.quality.accepted_checks import accept_check


class AnswerConfig(dg.Config):
    """What to make of an incident, or of a check that fails."""

    answer: Literal["acknowledge", "mute", "close", "accept_check"] = Field(
        description="acknowledge: somebody is at it, silent until it gets worse or ends. mute: silent until `until`. "
        "close: over for people. accept_check: `check` passes with the note accepted."
    )
    reason: str = Field(description="Why; kept with the incident, or in the ledger.", min_length=1)
    author: str = Field(description="Who, for the record.", min_length=1)
    key: str = Field("", description="Key of the incident, from its message; not for accept_check.")
    until: str = Field("", description="Of mute: 90m, 4h, 2d, or a local time such as 2026-11-27 18:00.")
    false_alarm: bool = Field(False, description="Of close: nothing was wrong.")
    check: str = Field("", description="Of accept_check: name of the check of quality, such as linkage.")
    first: str = Field("", description="Of accept_check: first day, YYYY-MM-DD; days that are over.")
    last: str = Field("", description="Of accept_check: last day, YYYY-MM-DD. Empty: the first.")
    client_id: str = Field("", description="Of accept_check: only for this client. Empty: for all it fails for.")


@dg.op(description="Acknowledge, mute or close an incident, or accept that a check fails.")
def answer(context: dg.OpExecutionContext, config: AnswerConfig, warehouse: Warehouse) -> None:
    """One answer; the sensors tell receivers of it within a minute.

    Raises:
        dg.Failure: there is no such incident, or the configuration lacks something; the message says what.
    """
    try:
        context.log.info(_answer(config, warehouse))
    except (UserError, ValueError) as problem:
        raise dg.Failure(str(problem), allow_retries=False) from problem


def _answer(config: AnswerConfig, warehouse: Warehouse) -> str:
    engine, settings = warehouse.engine, warehouse.settings
    if config.answer == "accept_check":
        days = DayRange(date.fromisoformat(config.first), date.fromisoformat(config.last or config.first))
        if config.check not in QUALITY_CHECKS or days.last >= today(settings.zone):
            raise UserError("Give a check of quality and days that are over.")
        client = UUID(config.client_id) if config.client_id else None
        accepted = accept_check(engine, settings, config.check, days, client, config.reason, config.author)
        return f"{config.check} is accepted on {len(accepted)} days."
    if config.answer == "acknowledge":
        incident = answers.acknowledge(engine, config.key, config.author, config.reason)
    elif config.answer == "mute":
        until = answers.moment_of(config.until, settings.zone, datetime.now(UTC))
        incident = answers.mute(engine, config.key, until, config.author, config.reason)
    else:
        incident = answers.close(engine, config.key, config.author, config.reason, false_alarm=config.false_alarm)
    return f"{incident.key} is {incident.state(datetime.now(UTC))}: {incident.condition.summary}"


@dg.job(
    description="Answer an incident, or accept that a check fails: what `eventflow alerts` and "
    "`eventflow accept check` do, with reason and author. The key is in the message.",
)
def answer_incident_job() -> None:
    """The one step."""
    answer()
