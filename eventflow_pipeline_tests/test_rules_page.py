"""docs/rules.md: every rule once, everything cited is defined, everything it names is there."""

import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import dagster as dg
import pytest

from eventflow_pipeline.defs.rule_links import cited_rules, rules_metadata
from eventflow_pipeline.settings import project_root

ROOT = project_root()
PAGE = ROOT / "docs" / "rules.md"
TEXT = PAGE.read_text(encoding="utf-8")
#: The rules there are: family and highest number.
FAMILIES = {"P": 5, "C": 4, "B": 7, "S": 8, "F": 2, "O": 2, "T": 4, "N": 1, "E": 3, "A": 6, "M": 6, "Q": 7, "W": 3}
RULES = {f"{family}{number}" for family, last in FAMILIES.items() for number in range(1, last + 1)}
MISTAKES = {str(number) for number in range(1, 15)}
TERMS = {"stale", "held", "complete", "as-of", "late"}
ANCHORS = re.findall(r'<a id="([^"]+)"></a>', TEXT)
_MISTAKES = re.compile(r"\bmistakes? (\d+)(?:(?:, | and | to )(\d+))*")
_SUFFIXES = {".py", ".sql", ".md", ".json", ".yaml", ".toml", ".html"}
_FOLDERS = ("eventflow_pipeline", "eventflow_pipeline_tests", "sql", "docs", "conformance", "benchmarks")
#: What a page may leave out of a path.
_BASES = tuple(ROOT / base for base in ("", "eventflow_pipeline", "eventflow_pipeline_tests", "sql", "sql/migrations"))


def _files() -> Iterator[Path]:
    """Everything that is written by hand, this file left out."""
    for folder in _FOLDERS:
        yield from (
            file for file in (ROOT / folder).rglob("*") if file.suffix in _SUFFIXES and file != Path(__file__).resolve()
        )
    yield from ROOT.glob("*.md")


def _undefined(text: str) -> set[str]:
    """Rules and mistakes that a text cites and the page does not define."""
    mistakes = {number for found in _MISTAKES.finditer(text) for number in re.findall(r"\d+", found[0])}
    return {*cited_rules(text)} - RULES | {f"mistake {number}" for number in mistakes - MISTAKES}


def test_every_rule_stands_there_once() -> None:
    assert [anchor for anchor, times in Counter(ANCHORS).items() if times > 1] == []
    headings = re.findall(r'^### <a id="([^"]+)"></a>(\S+)', TEXT, re.MULTILINE)
    rules = {anchor: name for anchor, name in headings if anchor.upper() in RULES}
    assert rules == {rule.lower(): rule for rule in RULES}
    wanted = {*rules, "d2-m1", "d2-m2", "m6-worked-out", *TERMS, *(f"mistake-{number}" for number in MISTAKES)}
    assert set(ANCHORS) == wanted


def test_every_rule_says_where_it_is_computed_and_tested_or_that_it_comes_later() -> None:
    for section in re.split(r"^(?=###? )", TEXT, flags=re.MULTILINE):
        if (heading := re.match(r'### <a id="([^"]+)"', section)) and heading[1] not in TERMS:
            told = re.search(r"^Computed: .+ Tested[:,]", section, re.MULTILINE) or "**Later**" in section
            assert told, heading[1]


def test_whatever_is_cited_is_defined() -> None:
    found = {str(file.relative_to(ROOT)): _undefined(file.read_text(encoding="utf-8")) for file in _files()}
    assert len(found) > 300
    assert {file: ids for file, ids in found.items() if ids} == {}


@pytest.mark.parametrize(
    ("text", "undefined"),
    [
        ("the client (E4)", {"E4"}), ("Rules: M5-M7, N1", {"M7"}), ("Q1–Q9", {"Q8", "Q9"}),
        ("mistake 15", {"mistake 15"}),
        ("mistakes 3 and 16", {"mistake 16"}), ("M1, T4; mistakes 2 to 4 and 6", set()), ("UTF8, S3x, L2, EF-1", set()),
    ],
)  # fmt: skip
def test_what_is_not_defined_is_noticed(text: str, undefined: set[str]) -> None:
    assert _undefined(text) == undefined


def _named(text: str) -> set[tuple[str, str]]:
    """Paths that a page names, in its words or in a picture, each with the test of it that is named, or with ""."""
    path = r"[\w.][\w./-]*/|(?:[\w.][\w./-]*)?[\w-]\.(?:py|sql|json|yaml|md)"
    return set(re.findall(rf"(?:`|(?<=· )|(?<=, )|<br/>)({path})(?:::(\w+))?(?=[`,\"\])])", text))


@pytest.mark.parametrize(
    ("page", "least"), [("docs/rules.md", 100), ("docs/architecture.md", 50), ("CONTRIBUTING.md", 25)]
)
def test_every_path_and_test_it_names_is_there(page: str, least: int) -> None:
    named = _named((ROOT / page).read_text(encoding="utf-8"))
    assert len(named) > least
    # Only the rules name every path in full.
    bases = (ROOT,) if page == "docs/rules.md" else _BASES
    assert {path for path, _ in named if not any((base / path).exists() for base in bases)} == set()
    untold = {test for path, test in named if test and f"def {test}(" not in (ROOT / path).read_text(encoding="utf-8")}
    assert untold == set()


def test_every_path_that_a_page_names_is_there() -> None:
    pages = [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")]
    names = {file.name for folder in _FOLDERS for file in (ROOT / folder).rglob("*")}
    missing = {
        (page.name, path)
        for page in pages
        for path, _ in _named(page.read_text(encoding="utf-8"))
        if path not in names and not any((base / path).exists() for base in (*_BASES, page.parent))
    }
    assert missing == set()


def test_every_link_to_an_anchor_of_it_leads_somewhere() -> None:
    headings = {
        re.sub(r"[^\w -]", "", re.sub(r"<[^>]+>", "", line).lower()).strip().replace(" ", "-")
        for line in re.findall(r"^#+ (.+)$", TEXT, re.MULTILINE)
    }
    linked = set(re.findall(r"\]\(#([^)]+)\)", TEXT))
    for file in _files():
        linked |= set(re.findall(r"rules\.md#([\w-]+)", file.read_text(encoding="utf-8")))
    assert linked - {*ANCHORS, *headings} == set()


def test_an_asset_links_to_the_rules_it_cites(monkeypatch: pytest.MonkeyPatch) -> None:
    assert rules_metadata("Visits (M2), E1-E3.") == {"rules": dg.MetadataValue.md("E1, E2, E3, M2: docs/rules.md")}
    monkeypatch.setenv("EVENTFLOW_DOCS_RULES_URL", "https://wiki.example/rules")
    (shown,) = rules_metadata("Days (T1).").values()
    assert shown == dg.MetadataValue.md("[T1](https://wiki.example/rules#t1): https://wiki.example/rules")
    assert rules_metadata("Nothing.") == {}
