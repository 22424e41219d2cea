"""Reports whose names come from outside: nothing runs, nothing breaks a file, nothing is half-written."""

import csv
import html
import re
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

import openpyxl
import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as examples
from hypothesis import strategies as st

from eventflow_pipeline.domain.days import DayRange
from eventflow_pipeline.reports import settlement as settlement_report
from eventflow_pipeline.reports.settlement import UnreadableReport, write_report
from eventflow_pipeline.warehouse.answers.settlement import Settlement

FORMS = (".csv", ".xlsx", ".html")
SEOUL = ZoneInfo("Asia/Seoul")
DAYS = DayRange(date(2024, 3, 1), date(2024, 3, 1))
FORMULAS = ["=1+1", "+82 event", "-50% off", "@club", "\t=1", "\r=1", "\n1", " =1", "＝1", "＋1", "－1", "＠1", "-1+1"]
#: What XML 1.0 cannot spell: controls, surrogates, noncharacters.
UNSPELLABLE = [*map(chr, range(0x20)), *"\ud800\udfff\ufffe\uffff"]
UNSPELLABLE = [character for character in UNSPELLABLE if character not in "\t\n\r"]


def _settlement(*titles: str, client: str = "Client") -> Settlement:
    measures = {"hits": 3, "visits": 2, "sessionless_hits": 0, "conversions": 1, "cvr": 0.5}
    return Settlement(
        client_id=UUID(int=1), client_name=client, days_range=DAYS,
        as_of=datetime(2024, 3, 2, tzinfo=UTC), complete=True, totals=measures, quality={"linkage": None},
        campaigns=[{"entity_id": UUID(int=n), "title": title, **measures} for n, title in enumerate(titles)],
        links=[], days=[{"date": date(2024, 3, 1), **measures}],
    )  # fmt: skip


def _titles(file: Path, count: int) -> list[Any]:
    """The titles as somebody else's program reads them."""
    if file.suffix == ".csv":
        with file.open(encoding="utf-8-sig", newline="") as lines:
            return [row["title"] for row in csv.DictReader(lines) if row["part"] == "campaign"]
    if file.suffix == ".xlsx":
        rows = list(openpyxl.load_workbook(file)["Campaigns"].iter_rows())
        return [row[1].value for row in rows[2:]]  # behind its question and its head
    page = file.read_text(encoding="utf-8")
    cells = [html.unescape(cell) for cell in re.findall(r"<td[^>]*>(.*?)</td>", page, re.DOTALL)]
    first = cells.index(str(UUID(int=0)))  # the id, which is the last of its row
    return [cells[first - 6 + 7 * n] for n in range(count)]


@pytest.mark.parametrize("form", FORMS)
def test_every_form_is_opened_whatever_a_title_holds(tmp_path: Path, form: str) -> None:
    """A workbook with one noncharacter cannot be opened; the command used to say it was done."""
    file = tmp_path / f"report{form}"
    titles = [f"a{character}b" for character in UNSPELLABLE]
    write_report(_settlement(*titles, client="c\uffff"), file, SEOUL)
    assert _titles(file, len(titles)) == ["a\ufffdb"] * len(titles)
    assert [path.name for path in tmp_path.iterdir()] == [file.name]


@pytest.mark.parametrize("form", FORMS)
def test_names_are_themselves_and_run_nowhere(tmp_path: Path, form: str) -> None:
    """The guard of each form: an apostrophe in CSV alone, the type of the cell in Excel, escaping in HTML."""
    file = tmp_path / f"report{form}"
    harmless = ["-50", "+82", "-1,234.5%", "0", "50 - 10", "#N/A", "<b>&amp;</b>", "'quoted", "a\r\nb", "_x0041_"]
    write_report(_settlement(*FORMULAS, *harmless), file, SEOUL)
    kept = [text.replace("\r\n", "\n").replace("\r", "\n") for text in (*FORMULAS, *harmless)]
    if form == ".csv":
        kept = [*(f"'{text}" for text in kept[: len(FORMULAS)]), *kept[len(FORMULAS) :]]
    if form == ".xlsx":
        # As Excel itself writes a text that looks like an escape: it shows _x0041_, not A.
        kept[-1] = "_x005F_x0041_"
        cells = [cell for sheet in openpyxl.load_workbook(file) for row in sheet.iter_rows() for cell in row]
        texts = [cell for cell in cells if isinstance(cell.value, str)]
        assert {(cell.data_type, cell.number_format) for cell in texts} == {("s", "@")}
    if form == ".html":
        assert "<b>" not in file.read_text(encoding="utf-8")
    assert _titles(file, len(kept)) == kept


@examples(max_examples=10, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(titles=st.lists(st.text(max_size=40), min_size=1, max_size=8))
def test_any_text_is_read_back(tmp_path: Path, titles: list[str]) -> None:
    for form in FORMS:
        write_report(_settlement(*titles), tmp_path / f"report{form}", SEOUL)


def test_a_text_longer_than_a_cell_is_cut_in_excel(tmp_path: Path) -> None:
    write_report(_settlement("x" * 40_000), tmp_path / "report.xlsx", SEOUL)
    assert _titles(tmp_path / "report.xlsx", 1) == ["x" * 32_767]


@pytest.mark.parametrize("form", FORMS)
def test_what_does_not_read_back_is_not_left(tmp_path: Path, form: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever a writer does wrong: the old file stays, of the new one nothing does, and one sentence says so."""
    file = tmp_path / f"report{form}"
    file.write_text("the month before")
    write = f"_write_{ {'.csv': 'csv', '.xlsx': 'excel', '.html': 'html'}[form] }"
    written = getattr(settlement_report, write)

    def cut_short(settlement: Settlement, partial: Path, zone: ZoneInfo, **more: Any) -> Any:
        meant = written(settlement, partial, zone, **more)
        partial.write_bytes(partial.read_bytes()[:-30])
        return meant

    def another(settlement: Settlement, partial: Path, zone: ZoneInfo, **more: Any) -> Any:
        written(_settlement("another"), partial, zone, **more)
        return written(settlement, tmp_path / f"elsewhere{form}", zone, **more)

    for wrong in (cut_short, another):
        monkeypatch.setattr(settlement_report, write, wrong)
        with pytest.raises(UnreadableReport, match="is not written, because") as refused:
            write_report(_settlement("title"), file, SEOUL)
        assert re.fullmatch(r"[^\n]+\.", str(refused.value))
        assert file.read_text() == "the month before"
        assert {path.name for path in tmp_path.iterdir()} <= {file.name, f"elsewhere{form}"}


def test_a_run_that_is_stopped_leaves_what_was_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "report.csv"
    file.write_text("the month before")

    def stopped(_settlement: Settlement, partial: Path, _zone: ZoneInfo) -> Any:
        partial.write_text("part")
        raise KeyboardInterrupt

    monkeypatch.setattr(settlement_report, "_write_csv", stopped)
    with pytest.raises(KeyboardInterrupt):
        write_report(_settlement("title"), file, SEOUL)
    assert [path.read_text() for path in tmp_path.iterdir()] == ["the month before"]
