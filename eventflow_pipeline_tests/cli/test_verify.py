"""``eventflow verify`` and ``report`` as a user meets them."""

import base64
import json
import re
from datetime import UTC, date, datetime
from pathlib import Path
from uuid import UUID
from xml.etree import ElementTree

import openpyxl
import pandas as pd
import pytest
from typer.testing import CliRunner

from eventflow_pipeline.cli import app
from eventflow_pipeline.domain.days import DayRange
from eventflow_pipeline.reports import settlement as settlement_report
from eventflow_pipeline.warehouse.answers.settlement import settle_client
from eventflow_pipeline.warehouse.quality import indicators as quality
from eventflow_pipeline_tests.command_line import Eventflow
from eventflow_pipeline_tests.databases import Database

CLIENT, OTHER, C, D, LINK = UUID(int=1), UUID(int=2), UUID(int=0xC), UUID(int=0xD), UUID(int=0x11)
DAYS = DayRange(date(2024, 3, 1), date(2024, 3, 3))


@pytest.fixture
def computed(database: Database) -> Database:
    """Three computed days of a client whose campaign is named like a formula; one session returns."""
    database.insert("clients", [{"id": CLIENT, "name": "client"}, {"id": OTHER, "name": "other"}])
    database.insert(
        "event_survey_campaigns",
        [
            {"id": C, "client_id": CLIENT, "title": '=HYPERLINK("http://evil.example","click")'},
            {"id": D, "client_id": OTHER, "title": "D"},
        ],
    )
    database.insert(
        "campaign_link_meta", [{"id": LINK, "client_id": CLIENT, "name": "<b>@link</b>", "cid": "AAAA1111"}]
    )
    for n, session in ((1, "s"), (3, "s"), (3, "t")):
        at = datetime(2024, 3, n, 3, tzinfo=UTC)
        database.insert(
            "event_access_logs",
            [
                {"accessed_at": at, "session_id": session, "campaign_id": C, "cid": "aaaa1111"},
                {"accessed_at": at, "session_id": session, "campaign_id": D},
            ],
        )
    database.insert(
        "event_survey_entries",
        [{"created_at": datetime(2024, 3, 3, 4, tzinfo=UTC), "session_id": "t", "campaign_id": C, "client_id": CLIENT}],
    )
    database.replace(*DAYS)
    database.merge_pending()
    quality.measure(database.pipeline, database.settings, DAYS)
    return database


def test_verify_names_what_differs_and_says_so_by_its_exit_status(eventflow: Eventflow, computed: Database) -> None:
    span = ("--from", "2024-03-01", "--to", "2024-03-03")
    clean = eventflow("verify", *span, "--json")
    assert clean.returncode == 0, clean.stderr
    assert json.loads(clean.stdout)["differences"] == []
    computed.execute("update stats.client_daily set visits = 1 where bucket_date = '2024-03-03'")
    found = eventflow("verify", *span, "--client", "client")
    assert found.returncode == 1
    (line,) = [line.split() for line in found.stdout.splitlines() if line.startswith("bucket")]
    assert line == ["bucket", "2024-03-03", "2024-03-03", "client", f"client_id={CLIENT}", "visits", "2", "1"]
    assert str(OTHER) not in found.stdout
    repaired = eventflow("verify", *span, "--repair", "--json")
    assert repaired.returncode == 1, "what was found is reported, repaired or not"
    answer = json.loads(repaired.stdout)
    assert {row["grain"] for row in answer["differences"]} == {"client"}
    assert "2024-03-03" in answer["rebuilt"][-1]
    assert eventflow("verify", *span).returncode == 0
    # Facts that moved make a day late, not wrong.
    computed.insert(
        "event_access_logs",
        [{"accessed_at": datetime(2024, 3, 2, 3, tzinfo=UTC), "session_id": "late", "campaign_id": C}],
    )
    late = eventflow("verify", *span)
    assert late.returncode == 0
    assert "Stale, compared for clients whose facts did not move: 2024-03-02" in late.stdout
    nobody = eventflow("verify", *span, "--client", "nobody")
    assert nobody.returncode == 2
    assert "There is no client nobody" in nobody.stderr


def test_report_in_each_form(eventflow: Eventflow, computed: Database, tmp_path: Path) -> None:
    def report(name: str) -> Path:
        file = tmp_path / name
        done = eventflow(
            "report", "--client", "client", "--from", "2024-03-01", "--to", "2024-03-03", "--out", str(file)
        )
        assert done.returncode == 0, done.stderr
        assert "2 visits, 1 conversions" in done.stdout
        return file

    table = pd.read_csv(report("settlement.csv"))
    total = table[table["part"] == "total"].iloc[0]
    assert (total["visits"], total["conversions"], total["cvr"], total["quality_linkage"]) == (2, 1, 0.5, 1)
    assert total["complete"] == "yes"
    assert pd.notna(total["as_of"])
    assert list(table[table["part"] == "day"]["visits"]) == [1, 0, 2], "days do not add up to the range"
    assert table[table["part"] == "campaign"]["title"].iloc[0].startswith("'=HYPERLINK")
    workbook = openpyxl.load_workbook(report("settlement.xlsx"))
    assert workbook.sheetnames == ["Summary", "Data quality", "Days", "Campaigns", "Links"]
    cells = [cell for sheet in workbook for row in sheet.iter_rows() for cell in row]
    assert not [cell.value for cell in cells if cell.data_type == "f"], "a name must not become a formula"
    assert ("visits", 2) in {tuple(c.value for c in row) for row in workbook["Summary"].iter_rows()}
    assert {sheet.freeze_panes for sheet in workbook} == {"A3"}
    head = [cell.value for cell in workbook["Days"][2]]
    last = dict(zip(head, workbook["Days"][5], strict=True))
    assert (last["date"].value, last["date"].number_format) == (datetime(2024, 3, 3), "yyyy-mm-dd")  # noqa: DTZ001
    assert (last["cvr"].value, last["cvr"].number_format) == (0.5, "0.0%")
    page = report("settlement.html").read_text()
    assert "&lt;b&gt;@link&lt;/b&gt;" in page
    assert "<b>@link" not in page
    image = re.search(r"data:image/svg\+xml;base64,([^\"]+)", page)
    assert image
    drawn = ElementTree.fromstring(base64.b64decode(image[1]))
    assert not [element for element in drawn.iter() if str(element.tag).endswith("script")]
    assert {"visits", "conversions", "2024-03-01"} <= {element.text for element in drawn.iter()}
    assert "Not complete" not in page
    assert page.index("<img") < page.index("<table")
    assert '<td class="number">50.0%</td>' in page


def test_report_refuses_what_it_cannot_answer(eventflow: Eventflow, computed: Database, tmp_path: Path) -> None:
    def refused(out: str, last: str = "2024-03-03") -> str:
        done = eventflow("report", "--client", "client", "--from", "2024-03-01", "--to", last, "--out", out)
        assert done.returncode == 2, done.stdout
        assert "Traceback" not in done.stderr
        return done.stderr

    assert "use .csv, .xlsx or .html" in refused(str(tmp_path / "x.pdf"))
    assert "cannot be written" in refused(str(tmp_path / "no such folder" / "x.csv"))
    (tmp_path / "a file").touch()
    assert "cannot be written" in refused(str(tmp_path / "a file" / "x.csv"))
    assert "is not computed" in refused(str(tmp_path / "x.csv"), "2024-03-04")


def test_a_title_that_a_workbook_cannot_spell(eventflow: Eventflow, computed: Database, tmp_path: Path) -> None:
    """The database stores noncharacters: the file used to be unreadable, and the command said it was done."""
    computed.execute("update event_survey_campaigns set title = :title where id = :c", title="-50% \uffff", c=C)
    span = ("--from", "2024-03-01", "--to", "2024-03-03")
    done = eventflow("report", "--client", "client", *span, "--out", str(tmp_path / "r.xlsx"))
    assert done.returncode == 0, done.stderr
    rows = [
        [cell.value for cell in row] for row in openpyxl.load_workbook(tmp_path / "r.xlsx")["Campaigns"].iter_rows()
    ]
    assert rows[2][rows[1].index("title")] == "-50% \ufffd"


def test_a_report_that_does_not_read_back_fails_in_a_sentence(
    computed: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EVENTFLOW_DATABASE_URL", computed.url)
    monkeypatch.setenv("EVENTFLOW_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("EVENTFLOW_START_DATE", computed.settings.start_date.isoformat())
    monkeypatch.setattr(settlement_report, "_read_csv", lambda _: [["something else"]])
    out = tmp_path / "r.csv"
    span = ("--from", "2024-03-01", "--to", "2024-03-03")
    done = CliRunner().invoke(app, ["report", "--client", "client", *span, "--out", str(out)])
    assert done.exit_code == 1
    assert "2 visits" not in done.output
    assert not out.exists()


def test_a_stale_day_makes_a_settlement_incomplete(computed: Database) -> None:
    assert settle_client(computed.pipeline, str(CLIENT), DAYS).complete
    computed.execute(
        "update stats.partition_state set stale_since = now(), stale_cause = 'facts_added' "
        "where bucket_date = '2024-03-02'"
    )
    assert not settle_client(computed.pipeline, str(CLIENT), DAYS).complete
