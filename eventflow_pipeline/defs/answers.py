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

    answer: Literal["acknowledge", "mute", "close", "maintenance", "accept_check"] = Field(
        description="acknowledge: somebody is at it, silent until it gets worse or ends. mute: silent until `until`. "
        "close: over for people. maintenance: nothing of `condition`, of `client_id` or of both begins until `until`. "
        "accept_check: `check` passes with the note accepted."
    )
    reason: str = Field(description="Why; kept with the incident, or in the ledger.", min_length=1)
    author: str = Field(description="Who, for the record.", min_length=1)
    key: str = Field("", description="Of acknowledge, mute and close: key of the incident, from its message.")
    from_at: str = Field("", description="Of maintenance: when it begins, written as `until`. Empty: now.")
    until: str = Field(
        "",
        description="Of mute and maintenance: 90m, 4h, 2d (after `from_at`), or a local time such as 2026-11-27 18:00.",
    )
    condition: str = Field("", description="Of maintenance: only this condition, such as silence. Empty: any.")
    false_alarm: bool = Field(False, description="Of close: nothing was wrong.")
    check: str = Field("", description="Of accept_check: name of the check of quality, such as linkage.")
    first: str = Field("", description="Of accept_check: first day, YYYY-MM-DD; days that are over.")
    last: str = Field("", description="Of accept_check: last day, YYYY-MM-DD. Empty: the first.")
    client_id: str = Field("", description="Of maintenance and accept_check: only this client. Empty: all of them.")


@dg.op(description="Acknowledge, mute or close an incident, announce maintenance, or accept that a check fails.")
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
    if config.answer == "maintenance":
        window = answers.announce(
            engine, settings.zone, condition=config.condition or None, client=config.client_id or None,
            begins=config.from_at or None, until=config.until, by=config.author, reason=config.reason,
        )  # fmt: skip
        return f"Nothing of it begins from {window.from_at:%Y-%m-%d %H:%M} until {window.until:%Y-%m-%d %H:%M} UTC."
    if config.answer == "acknowledge":
        incident = answers.acknowledge(engine, config.key, config.author, config.reason)
    elif config.answer == "mute":
        until = answers.moment_of(config.until, settings.zone, datetime.now(UTC))
        incident = answers.mute(engine, config.key, until, config.author, config.reason)
    else:
        incident = answers.close(engine, config.key, config.author, config.reason, false_alarm=config.false_alarm)
    return f"{incident.key} is {incident.state(datetime.now(UTC))}: {incident.condition.summary}"


@dg.job(
    description="Answer an incident, announce maintenance, or accept that a check fails: what `eventflow alerts` and "
    "`eventflow accept check` do, with reason and author. The key is in the message.",
)
def answer_incident_job() -> None:
    """The one step."""
    answer()
