"""Personal data in the UTM of facts (S7): counted as ``(redacted)`` (A5), and told where it is more than a few."""

from datetime import UTC, datetime, timedelta

from sqlalchemy import Engine

from eventflow_pipeline.domain.conditions import Condition
from eventflow_pipeline.domain.days import DayRange, day_start, today
from eventflow_pipeline.settings import Settings
from eventflow_pipeline.warehouse.answers.client_names import client_names
from eventflow_pipeline.warehouse.quality.redacted import redacted_traffic
from eventflow_pipeline.warehouse.quality.thresholds import judge

_LOOK_BACK = timedelta(days=7)


def conditions(engine: Engine, settings: Settings, now: datetime) -> list[Condition]:
    """``personal_data``, by client: the share of hits or entries redacted in the last seven days is past ``redacted``.

    Either share is judged from the minimum volume on; the higher one is told.
    """
    judged = judge(engine, settings)
    names = client_names(engine)
    found: list[Condition] = []
    for traffic in redacted_traffic(engine, today(settings.zone, now) - _LOOK_BACK):
        shares = {
            what: part / whole
            for what, part, whole in (
                ("hits", traffic.redacted_hits, traffic.hits),
                ("entries", traffic.redacted_entries, traffic.entries),
            )
            if whole >= judged.minimum_volume
        }
        what = max(shares, key=shares.__getitem__, default=None)
        passed = what and judged.threshold("redacted", traffic.client_id).severity(shares[what])
        if not what or not passed:
            continue
        client = str(traffic.client_id)
        who = f"client {names.get(client, client)}" if traffic.client_id else "the unknown client"
        found.append(
            Condition(
                name="personal_data",
                subject=str(traffic.client_id or "unknown"),
                client_id=traffic.client_id,
                severity=passed[0],
                since=day_start(traffic.first_day, settings.zone).astimezone(UTC),
                summary=f"{shares[what]:.1%} of the {what} of {who} came with personal data in a UTM value",
                runbook="personal-data-in-utm",
                command=f"eventflow explain --client {traffic.client_id or 'unknown'} --date {traffic.last_day}",
                fix="Have the page or the sender stop putting it there; it counts as (redacted) meanwhile.",
                days=DayRange(traffic.first_day, traffic.last_day),
                numbers={"redacted_hits": traffic.redacted_hits, "redacted_entries": traffic.redacted_entries},
            )
        )
    return found
