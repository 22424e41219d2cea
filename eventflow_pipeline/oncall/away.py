"""When people were last notified that the database of incidents is away: kept in whatever answers instead of it.

That is Dagster's database, where sensors and every machine's probe find it; and a file of the machine that probes, for
when neither answers.
"""

import json
from contextlib import suppress
from datetime import datetime
from pathlib import Path

import dagster as dg

_KEY = "eventflow/database_unreachable"


def notified_at(instance: dg.DagsterInstance | None, file: Path | None = None) -> datetime | None:
    """When people were last notified of it, as far as is known; None when they were not, or of its end since."""
    kept = [found for found in (_of_dagster(instance), _of_file(file)) if found]
    newest = max(kept, key=lambda found: found[0], default=None)
    return newest[0] if newest and newest[1] else None


def keep(instance: dg.DagsterInstance | None, file: Path | None, at: datetime, *, away: bool) -> None:
    """Keep, wherever that is possible, that people were notified ``at`` that it is ``away``, or that it is back."""
    written = json.dumps({"at": at.isoformat(), "away": away})
    if instance:
        instance.run_storage.set_cursor_values({_KEY: written})
    if file:
        with suppress(OSError):
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(written)


def _of_dagster(instance: dg.DagsterInstance | None) -> tuple[datetime, bool] | None:
    written = instance.run_storage.get_cursor_values({_KEY}).get(_KEY) if instance else None
    return _read(written) if written else None


def _of_file(file: Path | None) -> tuple[datetime, bool] | None:
    with suppress(OSError, ValueError, KeyError, TypeError):  # not there, or not ours
        return _read(file.read_text()) if file else None
    return None


def _read(written: str) -> tuple[datetime, bool]:
    found = json.loads(written)
    return datetime.fromisoformat(found["at"]), bool(found["away"])
