"""Capture while it is attacked: visits go on beside each hostile kind, and beside a mix of all."""

import json
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from benchmarks._hostile_load import KINDS
from benchmarks.capture import RATE, Served, served, visits
from benchmarks.report import Section

HOSTILE_RATE = int(os.environ.get("BENCH_HOSTILE_RATE", "100"))
#: Of each kind.
SECONDS = int(os.environ.get("BENCH_SECONDS", "10"))
_FACTOR = 3


def run(kinds: tuple[str, ...] = (*KINDS, "mix")) -> Section:
    """One server; before, between and after the attacks it is left alone, which is what they are compared with."""
    home = Path(tempfile.mkdtemp(prefix="eventflow-bench-", dir="/var/tmp"))
    home.chmod(0o755)
    middle = len(kinds) // 2
    try:
        with served(home / "server", proxies="127.0.0.1", jwt_secret="x" * 32) as capture:
            _phase(capture, "warming up", None)
            rows = [
                _phase(capture, name, None if name == "nobody" else name)
                for name in ("nobody", *kinds[:middle], "nobody", *kinds[middle:], "nobody")
            ]
    finally:
        shutil.rmtree(home, ignore_errors=True)
    alone = sorted(row["p99"] for row in rows if row["attack"] == "nobody")[1]
    for row in rows:
        row["p99 / alone"] = round(row["p99"] / alone, 1)
    attacked = [row for row in rows if row["attack"] != "nobody"]
    worst = max(attacked, key=lambda row: row["p99"])
    return Section(
        name="hostile",
        title=f"Capture attacked: {RATE} visits and {HOSTILE_RATE} hostile requests a second",
        intro=(
            "As above, with the limits a server has by default: visitors come through a proxy, each from an address of "
            f"its own, the attacker from one. {SECONDS} s of each kind, one after the other, in one run; alone: the "
            "median of three times without any. Ends: how hostile requests ended (a status; ended: the connection was "
            "cut; no answer: refused or held for 15 s)."
        ),
        rows=rows,
        lines={
            f"p99 at most {_FACTOR} times that without hostile load (worst: {worst['attack']}, "
            f"{worst['p99 / alone']})": worst["p99"] <= _FACTOR * alone,
            "every visit was accepted": all(row["accepted"] == row["sent"] for row in rows),
            "nothing lost: every accepted event id is in the table": all(
                row["accepted"] == row["in table"] for row in rows
            ),
            f"the rates were reached: {RATE} and {HOSTILE_RATE} a second": all(
                row["sent"] == RATE * SECONDS and row.get("hostile", HOSTILE_RATE * SECONDS) == HOSTILE_RATE * SECONDS
                for row in rows
            ),
        },
    )


def _phase(capture: Served, name: str, kind: str | None) -> dict[str, Any]:
    accepted = capture.home / "accepted"
    before = capture.cpu_seconds()
    attack: subprocess.Popen[bytes] | None = None
    if kind:
        arguments = [str(capture.port), kind, str(HOSTILE_RATE), str(SECONDS)]
        command = [sys.executable, "-m", "benchmarks._hostile_load", *arguments]
        attack = subprocess.Popen(command, stdout=subprocess.PIPE)
    load = visits(capture.port, RATE, SECONDS, accepted)
    measured = json.loads(load.communicate(timeout=SECONDS + 120)[0])
    row: dict[str, Any] = {
        "attack": name,
        **{what: measured[what] for what in ("p50", "p99", "max", "sent", "accepted")},
        "in table": capture.in_table(accepted.read_text().split()),
    }
    if attack:
        ended = json.loads(attack.communicate(timeout=120)[0])
        row["hostile"] = ended["sent"]
        row["ends"] = ", ".join(f"{how} {count}" for how, count in sorted(ended["ends"].items()))
    row["CPU of capture"] = f"{(capture.cpu_seconds() - before) / SECONDS:.0%}"
    return row
