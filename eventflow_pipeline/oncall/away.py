"""That the database of incidents is away, who sees so and who was told: kept in whatever answers instead of it.

That is Dagster's database, where sensors and every machine's probe find it; and a file of the machine that probes, for
when neither answers.
"""

import json
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path

import dagster as dg

_KEY = "eventflow/database_unreachable"


@dataclass(frozen=True, slots=True)
class Outage:
    """The database has been away ``since``, as ``seen_by`` say, each with when they last saw it.

    ``told``: receivers that took it, each with when; who was told of the end is none of them any more.
    """

    since: datetime
    seen_by: Mapping[str, datetime] = field(default_factory=dict)
    told: Mapping[str, datetime] = field(default_factory=dict)

    def lasts(self, who: str, now: datetime, forget_after: timedelta) -> bool:
        """Whether it is away for others than ``who``, to whom it answers; not who has not looked for that long."""
        return any(other != who and now - at < forget_after for other, at in self.seen_by.items())


def outage(instance: dg.DagsterInstance | None, file: Path | None = None) -> Outage | None:
    """The outage that is not over, or whose end not everybody has, as far as is known."""
    kept = [found for found in (_of_dagster(instance), _of_file(file)) if found]
    newest = max(kept, key=lambda found: found[0], default=None)
    return newest[1] if newest else None


def keep(instance: dg.DagsterInstance | None, file: Path | None, at: datetime, found: Outage | None) -> None:
    """Keep, wherever that is possible, what was found ``at``; None: it is over, and everybody has its end."""
    known = {
        "since": found.since.isoformat(),
        "seen_by": {who: seen.isoformat() for who, seen in found.seen_by.items()},
        "told": {receiver: told.isoformat() for receiver, told in found.told.items()},
    } if found else None  # fmt: skip
    written = json.dumps({"at": at.isoformat(), "outage": known})
    if instance:
        instance.run_storage.set_cursor_values({_KEY: written})
    if file:
        with suppress(OSError):
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(written)


def _of_dagster(instance: dg.DagsterInstance | None) -> tuple[datetime, Outage | None] | None:
    written = instance.run_storage.get_cursor_values({_KEY}).get(_KEY) if instance else None
    return _read(written) if written else None


def _of_file(file: Path | None) -> tuple[datetime, Outage | None] | None:
    with suppress(OSError, UnicodeError):  # not there, or not ours
        return _read(file.read_text()) if file else None
    return None


def _read(written: str) -> tuple[datetime, Outage | None] | None:
    """None of what is not ours: nobody would be notified of anything if it could not be read."""
    with suppress(ValueError, KeyError, TypeError, AttributeError):
        found = json.loads(written)
        at, known = datetime.fromisoformat(found["at"]), found["outage"]
        if known is None:
            return at, None
        seen_by, told = (
            {name: datetime.fromisoformat(moment) for name, moment in known[kind].items()}
            for kind in ("seen_by", "told")
        )
        return at, Outage(datetime.fromisoformat(known["since"]), seen_by, told)
    return None
