"""The report: one section of docs/benchmarks.md a benchmark, replaced whole when that benchmark ran."""

import platform
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import psutil

ROOT = Path(__file__).resolve().parent.parent
REPORT = ROOT / "docs" / "benchmarks.md"
_TITLE = "# Benchmarks\n\nWritten by `make bench`. Read the ratios: seconds depend on the machine.\n"


@dataclass(frozen=True, slots=True)
class Section:
    """One benchmark's result: what was measured and how, a table, whether each promised line was met, a plot."""

    name: str
    title: str
    intro: str
    rows: Sequence[Mapping[str, object]]
    lines: Mapping[str, bool]
    plot: Path | None = None

    def markdown(self) -> str:
        """The section as Markdown, with machine and date."""
        columns = list(dict.fromkeys(column for row in self.rows for column in row))
        table = [f"| {' | '.join(columns)} |", f"|{'---|' * len(columns)}"]
        table += [f"| {' | '.join(str(row.get(column, '')) for column in columns)} |" for row in self.rows]
        met = [f"- {'met' if ok else '**not met**'}: {line}" for line, ok in self.lines.items()]
        picture = [f"![{self.title}]({self.plot.relative_to(REPORT.parent)})"] if self.plot else []
        where = f"{datetime.now(UTC):%Y-%m-%d}, {machine()}"
        parts = [f"## {self.title}", where, self.intro, "\n".join(table), "\n".join(met), *picture]
        return "\n\n".join(part for part in parts if part)


def machine() -> str:
    """Processor cores, memory and operating system of this machine."""
    memory = psutil.virtual_memory().total / 2**30
    return f"{psutil.cpu_count()} cores, {memory:.0f} GiB, {platform.system()} {platform.machine()}, shared"


def write(section: Section) -> None:
    """Put the section into docs/benchmarks.md, in place of its earlier version."""
    text = REPORT.read_text() if REPORT.exists() else _TITLE
    begin, end = f"<!-- {section.name} -->", f"<!-- /{section.name} -->"
    block = f"{begin}\n{section.markdown()}\n{end}"
    found = re.compile(re.escape(begin) + ".*?" + re.escape(end), re.DOTALL)
    text = found.sub(lambda _: block, text) if found.search(text) else f"{text.rstrip()}\n\n{block}\n"
    REPORT.write_text(text)
