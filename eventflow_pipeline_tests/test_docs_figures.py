"""Figures of pages are those of where they come from: code, a setting's default, SQL, what `make bench` measured."""

import re
from datetime import date
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
import yaml

from eventflow_pipeline.capture.cookies import _MOST_COOKIES
from eventflow_pipeline.capture.query import MOST_FIELDS
from eventflow_pipeline.capture_app.app import _AT_ONCE, _DRAIN_SECONDS
from eventflow_pipeline.capture_app.bodies import _MOST_VALUES
from eventflow_pipeline.capture_app.rates import _LARGE, _LARGE_RATE
from eventflow_pipeline.defs.closings import _REMEMBERED
from eventflow_pipeline.defs.dagster_internals.storage import LONGEST_WAIT, MOST_WAITING
from eventflow_pipeline.dev.sample.options import SampleOptions
from eventflow_pipeline.domain.days import LONGEST_RANGE, day_window
from eventflow_pipeline.domain.normalization import _KEPT, LONGEST
from eventflow_pipeline.domain.personal_data import LOOKED_AT
from eventflow_pipeline.domain.quality import DEFAULT_THRESHOLDS, MEMBERS_OF_A_RISE
from eventflow_pipeline.oncall.conditions.personal_data import _LOOK_BACK
from eventflow_pipeline.serve_app.asked import _USUAL_DAYS
from eventflow_pipeline.serve_app.exports import _SHEET_ROWS
from eventflow_pipeline.serve_app.pages import _LONGEST_BY_DAY, _LONGEST_BY_WEEK, _TOP
from eventflow_pipeline.settings import Settings, project_root
from eventflow_pipeline.warehouse.answers.slo import DAYS
from eventflow_pipeline.warehouse.changes.chunks import CHUNK
from eventflow_pipeline.warehouse.schema.versions import LOCK_TIMEOUT
from eventflow_pipeline.web.server import _BODY_PIECES, _HEADER_BYTES, _HEADER_LINES, _LONGEST_URL

ROOT = project_root()
#: Not those that are printed (`make reference`, `make bench`) and not docs/decisions: each tells what was measured and
#: decided on its date, and stays as it is.
PAGES = [
    *(ROOT / name for name in ("README.md", "CONTRIBUTING.md", "SECURITY.md")),
    *(
        page
        for page in sorted((ROOT / "docs").glob("*.md"))
        if page.name not in ("benchmarks.md", "commands.md", "settings.md")
    ),
]
_NO_PROSE = re.compile(r"^```.*?^```|^(?:    [^\n]*\n)+|`[^`\n]*`|<[^>]*>|\]\([^)\s]*\)", re.MULTILINE | re.DOTALL)
_TIME = "(?:milli)?seconds?|ms|s|minutes?|hours?|days?|weeks?|months?|years?"
_SIZE = "[KMGT]i?B|bytes?|(?:kilo|mega|giga)bytes?"
_COUNTED = (
    "hits|facts|visits|events|rows|requests|calls|connections|values|characters|code points|fields|cookies|lines|"
    "pieces|clients|campaigns|members|entries|samples|viewers|executors|workers|processes|runs|partitions|"
    "materializations|cores?|times|a (?:second|minute|hour|day)"
)
_WORDS = (
    "half an?|quarter of an?|two|three|four|five|six|seven|eight|nine|ten|twelve|fifteen|twenty|thirty|forty|sixty|"
    "a hundred|hundreds? of|a thousand|thousands? of"
)
#: A number with a unit, in percent or in thousands; a number word with a unit of a clock or of a disk.
_FIGURE = re.compile(
    rf"(?<![\w.,:-])\d[\d,.]*\s?(?:(?:[a-z]+\s)?(?:{_TIME}|{_SIZE}|{_COUNTED})\b|%|×)|(?<![\w.,])\d{{1,3}}(?:,\d{{3}})+"
    rf"|\b(?:{_WORDS})[\s-](?:(?:milli)?seconds?|minutes?|hours?|{_SIZE})\b"
)
_S = Settings()


def _said(file: str, pattern: str) -> str:
    """What a file of the project says where ``pattern`` has its group."""
    (found,) = set(re.findall(pattern, (ROOT / file).read_text(encoding="utf-8")))
    return str(found)


def _percent(share: float | None) -> str:
    return f"{share or 0:.0%}".replace("%", " %")


def _hours(zone: str, month: int, day: int) -> str:
    window = day_window(date(2026, month, day), ZoneInfo(zone))
    return f"{(window.end - window.start).total_seconds() / 3600:g}"


_SHORT_OR_LONG = f"{_hours('America/New_York', 3, 8)} or {_hours('America/New_York', 11, 1)} hours"
_KIB, _MIB = 1024, 2**20
_CAPTURE, _Q = _S.capture, _S.quality
_RATE = {
    name: f"{int(getattr(_CAPTURE, name).partition('/')[0]):,}" for name in ("rate", "session_rate", "address_rate")
}
_LINKAGE = {
    unit: _said("sql/migrations/0002_registry.sql", rf"linkage_{unit} integer not null default (\d+)")
    for unit in ("days_before", "minutes_after")
}
_CLOCKS = re.search(
    r"p_received - interval '(\d+ days)' and p_received \+ interval '(\d+ minutes)'",
    (ROOT / "sql/schema/11_capture.sql").read_text(),
)
assert _CLOCKS
_MOST_ROWS = f"{int(_said('sql/schema/07_ranges.sql', '[*] [(]p_to - p_from [+] 1[)] > ([0-9]+)')):,}"
#: Rows unless given, and at most: of a page of a read, of a list of a screen.
_PAGE, _LISTED = (
    [f"{int(n):,}" for n in re.findall(rf"coalesce\({asked}, (\d+)\), 1\), (\d+)\)", (ROOT / file).read_text())[0]]
    for file, asked in (("sql/schema/16_stats_api.sql", "p_limit"), ("sql/schema/08_screens.sql", "p_top"))
)
_LETTER = re.search(
    r"least\(interval '(\d+ minutes)' \* 2 .* interval '(\d+ hours)'\)",
    (ROOT / "sql/schema/11_capture.sql").read_text(),
)
assert _LETTER
_MEDIAN_DAYS = _said("sql/storage/quality.sql", r"between [mq]\.bucket_date - (\d+) and")
_LOOKBACK_MINUTES = _said("sql/storage/chunks.sql", r"else interval '(\d+ minutes)' end")
_SLO = "eventflow_pipeline/warehouse/answers/slo.py"
_PROMISED = _said(_SLO, r'share\("days [a-z]+", "[a-z_]+", (\d+)\)') + " %"
_ANSWERED = _said(_SLO, r'"answered_after_seconds", (\d+)\)')
_LASTED = int(_said(_SLO, r'"lasted_seconds", (\d+)\)')) // 60
_DAGSTER = yaml.safe_load((ROOT / "dagster.yaml").read_text())["concurrency"]
_RUNS, _RUNS_ON_FACTS = _DAGSTER["runs"]["max_concurrent_runs"], _DAGSTER["pools"]["default_limit"]
_MEMORY = {
    name: service["mem_limit"].replace("g", " GB").replace("m", " MB")
    for name, service in yaml.safe_load((ROOT / "deploy/compose.yaml").read_text())["services"].items()
}
_YEARS = f"{int(_said('docs/pictures_of_years.py', 'PICTURES_DAYS., .([0-9]+)')):,} days"
_CLICKED = _said("eventflow_pipeline_tests/e2e/test_long_ranges.py", r'"world", \[30, (\d+), \d+\]')
_CLICKED_MOST = f"{int(_said('eventflow_pipeline_tests/e2e/test_long_ranges.py', '[0-9]+, ([0-9]+)], indirect')):,}"
_REFRESHED = _said("eventflow_pipeline/defs/webinar.py", r'cron_schedule="\*/(\d) ')
_ATTACKED_MB = (
    int(_said("eventflow_pipeline_tests/capture/test_hostile.py", r"< ([\d_]+) / MIB").replace("_", "")) // 10**6
)


def _facts_a_second_and_core() -> str:
    """Of the benchmark's 30 days of everything, by the engine, from nothing; to one figure."""
    page = (ROOT / "docs/benchmarks.md").read_text()
    hits, days = re.findall(r"([\d,]+) visit hits over (\d+) days", page)[0]
    seconds = re.findall(r"30 days of everything, from nothing \(engine\) \| ([\d.]+) s", page)[0]
    cores = re.findall(r"## Ranges.*?(\d+) cores", page, re.DOTALL)[0]
    found = int(hits.replace(",", "")) * 30 / int(days) / float(seconds) / int(cores)
    return f"{float(f'{found:.0e}'):,.0f}"


def _core_hours() -> str:
    """Of the benchmark of engines, a billion facts by each."""
    page = (ROOT / "docs/benchmarks.md").read_text()
    postgres, sail, spark = re.findall(r"^\| \w+: the day \|[^|]*\|[^|]*\| ([\d.]+) \|", page, re.MULTILINE)
    return f"{postgres} core-hours by Postgres alone, {sail} with Sail and {spark} with Spark"


_HITS, _ENTITIES, _REDACTED = (DEFAULT_THRESHOLDS[name] for name in ("session_hits", "session_entities", "redacted"))
#: What each page says, made of where it comes from.
FROM_THE_PROJECT: dict[str, list[str]] = {
    "README.md": [_SHORT_OR_LONG],
    "CONTRIBUTING.md": [f"{_CLICKED} and {_CLICKED_MOST} days by one click"],
    "capture.md": [
        f"more than {_CLOCKS[1]} before or {_CLOCKS[2]} after the receipt",
        f"the trust window ({_CAPTURE.trust_hours:g} h;",
        f"an address of {_LONGEST_URL // _KIB} KiB, {_HEADER_BYTES // _KIB} KiB of headers in {_HEADER_LINES} lines",
        f"{_CAPTURE.body_kib} KiB of body in {_BODY_PIECES} pieces",
        f"{_CAPTURE.request_seconds:g} s for a request to come in, {_CAPTURE.connections} connections of an address",
        f"{_RATE['address_rate']} requests a minute of an address",
        f"{_AT_ONCE} of them begun before others have their turn",
        f"{_LARGE_RATE.amount} a second with bodies above {_LARGE // _KIB} KiB",
        f"are {_RATE['session_rate']} a minute of that session, others {_RATE['rate']} a minute of an address",
        f"the first {_MOST_VALUES:,} values are kept, of each of its UTM {LOOKED_AT} characters are looked at",
        f"of a query {MOST_FIELDS} fields, of a request {_MOST_COOKIES} cookies",
        f"at most {_ATTACKED_MB} MB larger",
        f"({_CAPTURE.visit_wait_ms} ms for visits, {_CAPTURE.entry_wait_ms / 1000:g} s for entries)",
        f"drains for {_DRAIN_SECONDS:g} s",
        f"({_CAPTURE.queue:,} events or {_CAPTURE.queue_mib} MiB)",
        f"413: over {_CAPTURE.body_kib} KiB",
    ],
    "closing.md": [f"the last {_REMEMBERED} materializations"],
    "concepts.md": [_SHORT_OR_LONG, f"within a tick ({_S.changes.interval_seconds} seconds)"],
    "dagster-storage.md": [
        f"what gathered in {LONGEST_WAIT} s, or {MOST_WAITING:,} events",
        f"others within {LONGEST_WAIT} s;",
        f"the last {LONGEST_WAIT} s of events",
    ],
    "deploy.md": [
        f"| 2 a tick | 2 | {_MEMORY['code-server']}, its runs included |",
        f"| – | 0 | 4 | {_MEMORY['daemon']} |",
        f"as pages are open | {_MEMORY['webserver']} |",
        f"| 0 | {_MEMORY['capture']}, of which an attack takes at most {_ATTACKED_MB} MB |",
        f"(`EVENTFLOW_SERVE_DATABASE_CONNECTIONS`) | 0 | {_MEMORY['serve']} |",
        f"| 1 a scrape | 1 a scrape | {_MEMORY['metrics']} |",
        f"lets {_RUNS} runs work at once, {_RUNS_ON_FACTS} of them on facts: plan for {_RUNS_ON_FACTS} × "
        f"{2 + _S.runs.parallel_days} connections",
        f"nobody longer than {LOCK_TIMEOUT.replace('s', ' seconds')}",
    ],
    "faq.md": [f"runs of at most {_S.runs.max_days} days"],
    "reads.md": [
        f"range longer than {LONGEST_RANGE:,} days",
        f"more than {_MOST_ROWS} rows",
        f"from 1 to {_LISTED[1]}, {_LISTED[0]} unless given",
        f"{_PAGE[0]} unless given, {_PAGE[1]} at most",
    ],
    "reads-webinar.md": [f"refreshed within {_REFRESHED} minutes"],
    "rules.md": [
        _SHORT_OR_LONG,
        f"Above {LONGEST} code points a UTM or session id becomes its first {_KEPT}",
        f"within {_LINKAGE['days_before']} days, or follows within {_LINKAGE['minutes_after']} minutes",
        f"own median of {_MEDIAN_DAYS} days",
        f"trailing {_Q.deficit_window_minutes} minutes and over the day",
        f"so far, from {_Q.deficit_min_entries} entries on",
        f"below {_percent(_Q.deficit_error_share)} of entries, is an error",
        f"below {_percent(_Q.deficit_warn_share)} a warning",
        f"share {_Q.clone_entries} entries or more",
        f"from {_S.webinar.before_minutes} minutes before the start to {_S.webinar.after_minutes // 60} hours after it",
        f"at the next pass ({_S.changes.interval_seconds} s)",
        f"another look-back day ({_S.changes.lookback_days} days)",
        f"within {_LOOKBACK_MINUTES} |",
        f"of the last {_S.changes.sweep_days} days within an hour",
        f"the chunks of {CHUNK.seconds // 60} minutes that moved",
    ],
    "runbook.md": [
        f"two of {_YEARS}",
        f"for {_S.alerts.stale_warn_minutes} (warning) or {_S.alerts.stale_error_minutes} minutes",
        f"over the last {_Q.deficit_window_minutes} minutes",
        f"`members`, {DEFAULT_THRESHOLDS['members'].error:,}; a client's own",
        f"more than {MEMBERS_OF_A_RISE} and ten times the median of the {_MEDIAN_DAYS} days before",
        f"more than {_HITS.warn:g} hits, or is in more than {_ENTITIES.warn:g} campaigns",
        f"errors above {_HITS.error:,} and {_ENTITIES.error};",
        f"after {_LETTER[1]}, then 10, 20, … and at last every {_LETTER[2]}",
        f"of the last {_LOOK_BACK.days} days more than the threshold",
        f"above {_percent(_REDACTED.warn)}, an error above {_percent(_REDACTED.error)}",
    ],
    "running.md": [
        f"facts of the last {SampleOptions.__dataclass_fields__['days'].default} days",
        f"runs of at most {_S.runs.max_days} days",
        f"nobody longer than {LOCK_TIMEOUT.replace('s', ' seconds')}",
    ],
    "scale.md": [f"some {_facts_a_second_and_core()} facts a second and core", _core_hours()],
    "serve.md": [
        f"Without dates the last {_USUAL_DAYS} days",
        f"Over {_LONGEST_BY_DAY} days by week, over {_LONGEST_BY_WEEK} by month",
        f"| {_TOP}, the rest as one row",
        f"| {LONGEST_RANGE:,} days, else 400",
        f"| {_MOST_ROWS}, members times days",
        f"| {_SHEET_ROWS - 1:,} rows, else 400",
    ],
    "slo.md": [
        f"over the last {DAYS} business days",
        f"| days complete | {_PROMISED} |",
        f"| days verified | {_PROMISED} |",
        f"| answered after | {_ANSWERED} minutes |",
        f"| lasted | {_LASTED} hours |",
    ],
    "tour.md": [f"within some {_S.changes.interval_seconds} seconds"],
}  # fmt: skip
#: What others say and do, and what a page itself decides; and why it is nobody's to compare.
OF_OTHERS: dict[str, list[str]] = {
    "CONTRIBUTING.md": ["at most 72 characters"],  # decided there
    "faq.md": ["above 100 %"],  # a rate above one, as a term
    # Supabase's limit of rows.
    "reads.md": ["1,000 at Supabase"],
    # How often the application's pages ping, by the contract of its tables.
    "reads-webinar.md": ["every 120 s ± 10"],
    # What the former computation showed, as its owners told.
    "rules.md": [
        "907 visits on one screen",
        "Reads stopped at 1,000 rows",
        "Rates above 100 %",
        "10 visits, 546 entries",
    ],
    "runbook.md": ["10 visits against 546 entries"],
    # What Dagster's page offers first.
    "running.md": ["the last 90 days of the browser's clock"],
}


def _without_source(page: str, text: str) -> list[str]:
    """Figures of a page's prose of which nobody says where they come from. Raises AssertionError for a false one."""
    for phrase in [*FROM_THE_PROJECT.get(page, ()), *OF_OTHERS.get(page, ())]:
        assert phrase in text, f"{page} should say: {phrase}"
        text = text.replace(phrase, "")
    return [found[0] for found in _FIGURE.finditer(_NO_PROSE.sub(" ", text))]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_figure_comes_from_somewhere(page: Path) -> None:
    assert _without_source(page.name, page.read_text(encoding="utf-8")) == []


def test_no_page_is_named_that_is_not_there() -> None:
    assert {*FROM_THE_PROJECT, *OF_OTHERS} <= {page.name for page in PAGES}


@pytest.mark.parametrize(
    ("text", "figures"),
    [
        ("It takes 3 s, or 400 ms.", ["3 s", "400 ms"]),
        ("Some 1,095 days in thirty seconds", ["1,095 days", "thirty seconds"]),
        ("half a gigabyte, 12,000 of them, 5 % more", ["half a gigabyte", "12,000", "5 %"]),
        ("`100 MB` on 2026-03-01, T4, Postgres 15 [of 2 pages](a-3-days.md)", []),
        ("    eventflow slo --days 28 days\n", []),
    ],
)
def test_a_figure_without_source_is_noticed(text: str, figures: list[str]) -> None:
    assert _without_source("none.md", text) == figures


def test_a_false_figure_is_noticed() -> None:
    with pytest.raises(AssertionError, match=r"faq\.md should say: runs of at most"):
        _without_source("faq.md", (ROOT / "docs" / "faq.md").read_text().replace("at most 90 days", "at most 91 days"))
