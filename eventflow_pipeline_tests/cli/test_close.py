"""``eventflow close``, ``adjustments``, ``reopen`` and the statement as billing meets them."""

import csv
import json
from datetime import UTC, date, datetime, timedelta
from functools import partial
from pathlib import Path
from uuid import UUID

from eventflow_pipeline_tests import facts
from eventflow_pipeline_tests.command_line import Eventflow, refused
from eventflow_pipeline_tests.databases import Database

ACME, BETA = UUID(int=0xA), UUID(int=0xB)
SPRING = UUID(int=0xC1)
FEBRUARY = [date(2024, 2, 1) + timedelta(days=n) for n in range(29)]


def _at(day: int) -> datetime:
    return datetime(2024, 2, day, 3, tzinfo=UTC)


def test_a_month_is_closed_changes_and_its_statement_stands(
    eventflow: Eventflow, database: Database, tmp_path: Path
) -> None:
    facts.clients(database, {ACME: (SPRING,), BETA: ()}, names={ACME: "acme", BETA: "beta"})
    facts.visits(database, _at(3), _at(4), campaign_id=SPRING, session_id="s")
    facts.entries(database, _at(4), campaign_id=SPRING, client_id=ACME)
    (late,) = facts.visits(database, _at(5), campaign_id=SPRING, session_id="gone")
    database.replace(*FEBRUARY[:-1])
    database.merge_pending()
    month = ("--month", "2024-02", "--author", "ann")
    statement = ("report", "--client", "acme", "--from", "2024-02-01", "--to", "2024-02-29", "--out")
    run = partial(eventflow)

    refused(run("close", "--month", "2024-2", "--author", "ann"), "is not a month", "YYYY-MM")
    refused(run("close", "--month", "2023-12", "--author", "ann"), "begins before the first partition")
    refused(run("close", *month, "--client", "gamma"), "There is no client gamma")
    refused(run("close", "--month", f"{datetime.now(UTC):%Y-%m}", "--author", "ann"), "cannot be closed before")
    refused(run("close", *month, "--reason", " "), "--reason is empty")
    open_still = run("close", *month, "--yes")
    assert open_still.returncode == 3, open_still.stderr
    assert "acme: missing: 2024-02-29" in open_still.stdout
    refused(run("reopen", *month, "--client", "acme", "--reason", "r", "--yes"), "2024-02 is not closed for acme")
    assert database.rows("select from stats.closing") == []
    database.replace(FEBRUARY[-1])
    database.merge_pending()

    refused(run("close", *month), "This closes 2024-02 for 2 clients (acme 2 visits, 1 conversions; beta 0", "--yes")
    closed = json.loads(run("close", *month, "--yes", "--json").stdout)["closed"]
    assert [(c["client"], c["entry_no"], c["visits"], c["exceptions"]) for c in closed] == [
        ("acme", 1, 2, []), ("beta", 2, 0, [])
    ]  # fmt: skip
    refused(run("close", *month, "--yes"), "2024-02 is closed already for acme (version 1, by ann")

    facts.visits(database, _at(6), _at(29), campaign_id=SPRING, session_id="{n}")
    database.execute("delete from event_access_logs where id = :id", id=late)
    database.replace(FEBRUARY[4], FEBRUARY[5], FEBRUARY[28])
    listed = json.loads(run("adjustments", "--month", "2024-02", "--json").stdout)
    ((adjusted,), waiting) = listed["adjustments"], listed["waiting"]
    assert waiting == []
    assert {f["grain"]: (f["visits"], f["hits"]) for f in adjusted["figures"]} == dict.fromkeys(
        ("client", "campaign", "link"), (1, 1)
    )
    assert [day["date"] for day in adjusted["days"]] == ["2024-02-05", "2024-02-06", "2024-02-29"]
    assert "+1 visits" in run("adjustments").stdout
    database.execute("update stats.closing set author = 'eve' where entry_no = 2")
    altered = run("adjustments")
    assert (altered.returncode, "ALTERED: entry 2 (2024-02" in altered.stdout) == (1, True)
    database.execute("update stats.closing set author = 'ann' where entry_no = 2")
    refused(run("adjustments", "--client", "unknown"), "The unknown client has no closed months")

    done = json.loads(run(*statement, str(tmp_path / "acme.csv"), "--json").stdout)
    assert done["closed"] == {"entry_no": 1, "version": 1, "hash": closed[0]["hash"]}
    assert (done["visits"], done["hits"], done["adjustments"]) == (2, 3, 1), "as it was closed"
    with (tmp_path / "acme.csv").open(encoding="utf-8-sig", newline="") as lines:
        rows = list(csv.DictReader(lines))
    (total,) = (row for row in rows if row["part"] == "total")
    assert (total["closing_hash"], total["closed_by"], total["visits"]) == (closed[0]["hash"], "ann", "2")
    campaigns = [(row["entity_id"], row["visits"]) for row in rows if row["part"] == "campaign"]
    assert campaigns == [(str(SPRING), "2")]
    differences = [(row["grain"], row["visits"], row["causes"]) for row in rows if row["part"] == "adjustment"]
    assert differences == [(g, "1", "facts_added, facts_deleted") for g in ("client", "campaign", "link")]
    assert run(*statement, str(tmp_path / "acme.html")).returncode == 0
    page = (tmp_path / "acme.html").read_text()
    assert closed[0]["hash"] in page
    assert "<h2>Adjustments</h2>" in page
    said = run("explain", "--client", "acme", "--date", "2024-02-06").stdout
    assert "2024-02 is closed for this client (version 1, entry 1, by ann on " in said
    assert "2024-01 is not closed" in run("explain", "--client", "acme", "--date", "2024-01-31").stdout

    refused(run("reopen", *month, "--client", "acme", "--reason", "wrong rate"), "This reopens 2024-02 of acme")
    reopened = run("reopen", *month, "--client", "acme", "--reason", "wrong rate", "--yes", "--json")
    assert json.loads(reopened.stdout)["version"] == 1
    again = json.loads(run("close", *month, "--yes", "--json").stdout)["closed"]
    assert [(c["client"], c["version"], c["visits"]) for c in again] == [("acme", 2, 3)]
    assert json.loads(run(*statement, str(tmp_path / "acme.xlsx"), "--json").stdout)["adjustments"] == 0
