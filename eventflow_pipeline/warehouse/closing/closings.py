"""Closing a month: what was published is frozen, and what changes later is an adjustment."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, Engine

from eventflow_pipeline.domain.days import DayRange, contiguous, today
from eventflow_pipeline.domain.months import Month
from eventflow_pipeline.errors import UserError
from eventflow_pipeline.settings import Settings
from eventflow_pipeline.warehouse.answers.explain import find_client
from eventflow_pipeline.warehouse.changes.detection import Scope, detect_changes
from eventflow_pipeline.warehouse.closing.chain import Head, append, head, one_line
from eventflow_pipeline.warehouse.db.engine import connect, repeatable_read, server_time
from eventflow_pipeline.warehouse.db.locks import closing_lock
from eventflow_pipeline.warehouse.db.sql import statement
from eventflow_pipeline.warehouse.parity.comparison import compare_days, compare_windows
from eventflow_pipeline.warehouse.quality.indicators import findings
from eventflow_pipeline.warehouse.registry import DEFINITION_VERSION

#: Days of a check that are written out; of more the first and last.
_RANGES_NAMED = 8


@dataclass(frozen=True, slots=True)
class ToClose:
    """A client whose month may be closed: its figures as published, and what speaks against it, each in words.

    ``exceptions`` keep the month open unless a reason is given; ``quality`` are checks of quality it fails.
    """

    client_id: UUID
    name: str
    version: int
    exceptions: tuple[str, ...]
    quality: tuple[str, ...]
    hits: int
    visits: int
    conversions: int


@dataclass(frozen=True, slots=True)
class Closed:
    """An entry of the chain that closes a client's month."""

    client: ToClose
    entry_no: int
    hash: str


def examine(engine: Engine, settings: Settings, month: Month, clients: Sequence[str] = ()) -> list[ToClose]:
    """What closing ``month`` would freeze: of the clients named (ids or names), or of all that it is not closed for.

    Compares the month with its facts first, as change detection and `eventflow verify` do: nothing stays unseen.

    Raises:
        UserError: the month is not over, or its grace is not; it begins before the first partition or is longer than
            ranges that are answered; a client does not exist; there is nobody left to close it for.
    """
    days = month.days
    _require_closable(engine, settings, month)
    with connect(engine) as connection:
        known = {row.id: row.name for row in connection.execute(_s("select_clients"), _range(days))}
        standing = _standing(connection, month)
        asked = [find_client(connection, client) for client in clients]
    if any(client["id"] is None for client in asked):
        raise UserError("The unknown client is nobody to settle with: give --client an id or a name.")
    known |= {client["id"]: client["name"] for client in asked}
    wanted = list(dict.fromkeys(client["id"] for client in asked)) or list(known)
    closed = [id for id in wanted if id in standing and standing[id].kind == "closed"]
    if closed and (asked or len(closed) == len(wanted)):
        raise UserError(_already_closed(month, known[closed[0]], standing[closed[0]]))
    wanted = [id for id in wanted if id not in closed]
    if not wanted:
        raise UserError(f"There is no client to close {month} for.")

    detect_changes(engine, settings, Scope.NAMED, list(days))
    differing = _differing(engine, settings, days, wanted[0] if len(wanted) == 1 else None)
    quality: dict[UUID | None, dict[str, list[date]]] = defaultdict(lambda: defaultdict(list))
    for finding in findings(engine, settings, days):
        quality[finding.client_id][f"{finding.check} ({finding.severity.value})"].append(finding.day)
    with connect(engine) as connection, repeatable_read(connection):
        standings = [dict(row) for row in connection.execute(_s("select_month"), _range(days)).mappings()]
        totals = {
            row.client_id: row for row in connection.execute(_s("select_totals"), {**_range(days), "clients": wanted})
        }
    return [
        ToClose(
            client_id=id,
            name=known[id],
            version=standing[id].version + 1 if id in standing else 1,
            exceptions=(*_not_settled(standings, id), *(differing.get(id) or differing.get(None) or ())),
            quality=tuple(f"{check} on {_named(failing)}" for check, failing in sorted(quality[id].items())),
            hits=totals[id].hits if id in totals else 0,
            visits=totals[id].visits if id in totals else 0,
            conversions=totals[id].conversions if id in totals else 0,
        )
        for id in wanted
    ]


def close(
    engine: Engine, settings: Settings, month: Month, clients: Sequence[ToClose], author: str, reason: str | None
) -> list[Closed]:
    """Freeze ``month`` as it is published of ``clients``, as ``examine`` gave them, in one transaction.

    Raises UserError, and has written nothing, when one was closed meanwhile or is not what it was when examined.
    """
    days = month.days
    with connect(engine) as connection, closing_lock(connection), repeatable_read(connection):
        standing = _standing(connection, month)
        standings = [dict(row) for row in connection.execute(_s("select_month"), _range(days)).mappings()]
        ids = [client.client_id for client in clients]
        totals = {
            row.client_id: (row.hits, row.visits, row.conversions)
            for row in connection.execute(_s("select_totals"), {**_range(days), "clients": ids})
        }
        for client in clients:
            before = standing.get(client.client_id)
            if before and before.kind == "closed":
                raise UserError(_already_closed(month, client.name, before))
            as_examined = (client.hits, client.visits, client.conversions)
            unsettled = set(_not_settled(standings, client.client_id))
            if totals.get(client.client_id, (0, 0, 0)) != as_examined or unsettled - set(client.exceptions):
                raise UserError(f"{month} of {client.name} changed meanwhile: look again, and repeat it.")
        newest, recorded_at = head(connection), server_time(connection)
        entries = [newest.entry_no + n + 1 for n in range(len(clients))]
        parameters = {**_range(days), "clients": ids, "entries": entries}
        connection.execute(_s("insert_closed_figures"), parameters)
        connection.execute(_s("insert_closed_days"), parameters)
        common = {
            "kind": "closed", "month": month.first, "last_day": days.last, "time_zone": settings.timezone,
            "definition_version": DEFINITION_VERSION, "author": one_line(author),
            "reason": one_line(reason) if reason else None, "recorded_at": recorded_at.isoformat(),
        }  # fmt: skip
        states = states_of(connection, days, ids)
        done = []
        for client in clients:
            entry = {
                **common, **states[client.client_id], "client_id": client.client_id, "version": client.version,
                "exceptions": [one_line(text) for text in client.exceptions],
                "quality": [one_line(text) for text in client.quality],
            }  # fmt: skip
            newest = append(connection, newest, entry)
            done.append(Closed(client, newest.entry_no, newest.hash))
    return done


def reopen(
    engine: Engine, settings: Settings, month: Month, client: str, author: str, reason: str
) -> tuple[Mapping[str, Any], int]:
    """Reopen the closed ``month`` of ``client`` (id or name); returns who, and which version no longer holds.

    Its figures and adjustments stay; closing the month again is the next version beside it. Raises UserError.
    """
    with connect(engine) as connection, closing_lock(connection), repeatable_read(connection):
        found = find_client(connection, client)
        before = _standing(connection, month).get(found["id"])
        if before is None or before.kind != "closed":
            raise UserError(f"{month} is not closed for {found['name']}, so it cannot be reopened.")
        entry = {
            "kind": "reopened", "client_id": found["id"], "month": month.first, "last_day": before.last_day,
            "version": before.version, "time_zone": settings.timezone,
            "definition_version": DEFINITION_VERSION, "author": one_line(author),
            "reason": one_line(reason), "recorded_at": server_time(connection).isoformat(),
        }  # fmt: skip
        append(connection, head(connection), entry)
    return found, before.version


@dataclass(frozen=True, slots=True)
class Observed:
    """How a month stands, of all clients: closed or reopened for how many, what was closed, adjustments since."""

    closed: int
    reopened: int
    hits: int
    conversions: int
    adjustments: int


def observe(engine: Engine, month: Month) -> tuple[Observed, Head]:
    """How ``month`` stands, and the newest entry of the chain, from one snapshot. Writes nothing."""
    with connect(engine) as connection, repeatable_read(connection):
        row = connection.execute(_s("select_observed"), {"month": month.first}).one()
        return Observed(*row), head(connection)


def months_since(engine: Engine, since: datetime) -> list[Month]:
    """Months that were closed, adjusted or reopened since an instant, oldest first."""
    with connect(engine) as connection:
        return [Month(first) for first in connection.execute(_s("select_recent_months"), {"since": since}).scalars()]


def states_of(connection: Connection, days: DayRange, clients: Sequence[UUID]) -> dict[UUID, dict[str, Any]]:
    """``as_of`` and ``complete`` of a range, by client, as an entry spells them."""
    rows = connection.execute(_s("select_states"), {**_range(days), "clients": list(clients)})
    return {
        row.client_id: {"as_of": row.as_of.isoformat() if row.as_of else None, "complete": row.complete} for row in rows
    }


def _s(name: str) -> Any:
    return statement(f"storage/closings/{name}")


def _range(days: DayRange) -> dict[str, date]:
    return {"first_day": days.first, "last_day": days.last}


def _standing(connection: Connection, month: Month) -> dict[UUID, Any]:
    rows = connection.execute(_s("select_standing"), {"month": month.first})
    return {row.client_id: row for row in rows}


def _already_closed(month: Month, name: str, standing: Any) -> str:
    at: datetime = standing.recorded_at
    return (
        f"{month} is closed already for {name} (version {standing.version}, by {standing.author}, {at:%Y-%m-%d}): what "
        "changed since is in `eventflow adjustments`, and `eventflow reopen` takes it back."
    )


def _require_closable(engine: Engine, settings: Settings, month: Month) -> None:
    days = month.days
    if days.first < settings.start_date:
        raise UserError(f"{month} begins before the first partition {settings.start_date}: close a later month.")
    earliest = month.closable_from(settings.closing.grace_days)
    if today(settings.zone) < earliest:
        raise UserError(
            f"{month} cannot be closed before {earliest}: facts may come late for EVENTFLOW_CLOSING_GRACE_DAYS "
            f"({settings.closing.grace_days}) after its last day."
        )
    with connect(engine) as connection:
        longest = connection.execute(_s("select_longest_range")).scalar()
    if longest is not None and len(days) > longest:
        raise UserError(
            f"{month} has {len(days)} days and ranges of at most {longest} are answered, because session-days were "
            "pruned: raise EVENTFLOW_RANGES_LONGEST_DAYS to close months to come."
        )


def _not_settled(standings: Iterable[Mapping[str, Any]], client: UUID) -> list[str]:
    """What of a client's days is not as its facts say, or may not be: a line each kind."""
    found: dict[str, list[date]] = defaultdict(list)

    def concerns(clients: Collection[UUID | None] | None) -> bool:
        return clients is None or client in clients

    for day in standings:
        if not day["computed"]:
            found["missing"].append(day["bucket_date"])
        elif day["held"] and (not day["held_clients"] or client in day["held_clients"]):
            found["held"].append(day["bucket_date"])
        elif day["stale"] and concerns(day["stale_clients"]):
            found["stale"].append(day["bucket_date"])
        elif day["kept"] and concerns(day["kept_clients"]):
            found["kept as they are, though their facts differ"].append(day["bucket_date"])
    return [f"{what}: {_named(days)}" for what, days in found.items()]


def _differing(
    engine: Engine, settings: Settings, days: DayRange, client: UUID | None
) -> dict[UUID | None, tuple[str, ...]]:
    """Where buckets, or the month's own answer, are not what the facts say, by client; None: of all clients."""
    day_differences = compare_days(engine, settings, days, client).differences
    windows = compare_windows(engine, settings, DayRange(days.last, days.last), client, (len(days),)).differences
    found: dict[UUID | None, list[str]] = defaultdict(list)
    for what, differences in (("parity fails", day_differences), ("the month's own answer is wrong", windows)):
        by_client: dict[UUID | None, set[date]] = defaultdict(set)
        for difference in differences:
            of = difference.member.get("client_id")
            by_client[UUID(of) if of else client].add(difference.day)
        for whose, wrong in by_client.items():
            found[whose].append(f"{what}: {_named(wrong)}")
    everybody = tuple(found.pop(None, ()))
    return {None: everybody} | {id: tuple(dict.fromkeys([*lines, *everybody])) for id, lines in found.items()}


def _named(days: Iterable[date]) -> str:
    ranges = [str(part) for part in contiguous(days)]
    if len(ranges) > _RANGES_NAMED:
        ranges = [*ranges[: _RANGES_NAMED - 1], f"… {ranges[-1]}"]
    return ", ".join(ranges)
