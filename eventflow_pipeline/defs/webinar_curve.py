"""A day's curves of concurrency as a picture in the catalog."""

import base64
import io
from collections.abc import Sequence
from itertools import groupby
from zoneinfo import ZoneInfo

import dagster as dg
from sqlalchemy import RowMapping

from eventflow_pipeline.domain.foreign_text import in_markdown
from eventflow_pipeline.extras import absent_extra


def curve_picture(rows: Sequence[RowMapping], title: str, zone: ZoneInfo) -> dg.MarkdownMetadataValue:
    """The curves of ``warehouse.webinar.reads.curves`` as a picture in Markdown, local times of ``zone``.

    Webinars are letters in the picture and named below it: its font may not have their titles' script.
    Ours: average as a line within minimum and maximum, gaps left open and marked below. Legacy: dotted.
    A picture is no reason to fail a day: without the extra ``report`` a sentence stands in its place.
    """
    try:
        from matplotlib.dates import DateFormatter
        from matplotlib.figure import Figure
    except ModuleNotFoundError as problem:
        return dg.MetadataValue.md(str(absent_extra(problem) or problem))

    figure = Figure(figsize=(9, 3.2), dpi=70, layout="constrained")
    axes = figure.subplots()
    letters: dict[str, str] = {}
    names: list[str] = []
    for (webinar, source), group in groupby(rows, key=lambda row: (str(row["webinar_id"]), str(row["source"]))):
        curve = list(group)
        if webinar not in letters:
            letters[webinar] = chr(ord("A") + len(letters))
            names.append(f"{letters[webinar]}: {in_markdown(str(curve[0]['title']))}")
        letter = letters[webinar]
        colour = f"C{ord(letter) - ord('A')}"
        times = [row["bucket_start"] for row in curve]
        average = [_number(row["avg_viewers"]) for row in curve]
        if source == "legacy":
            axes.plot(times, average, color="black", linestyle=":", alpha=0.7, label=f"{letter} (legacy)")
            continue
        axes.plot(times, average, color=colour, label=letter)
        lowest = [_number(row["min_viewers"]) for row in curve]
        highest = [_number(row["max_viewers"]) for row in curve]
        axes.fill_between(times, lowest, highest, color=colour, alpha=0.25, linewidth=0)
        holes = [row["bucket_start"] for row in curve if row["gaps"]]
        axes.plot(holes, [0] * len(holes), "x", color="red", label="minutes missed" if holes else None)
    axes.set_ylim(bottom=0)
    axes.set_ylabel("viewers")
    axes.set_title(title)
    axes.xaxis.set_major_formatter(DateFormatter("%H:%M", tz=zone))  # type: ignore[no-untyped-call]
    axes.grid(alpha=0.3)
    axes.legend(loc="best", fontsize="small")
    png = io.BytesIO()
    figure.savefig(png, format="png")
    picture = f"![{title}](data:image/png;base64,{base64.b64encode(png.getvalue()).decode()})"
    return dg.MetadataValue.md("\n\n".join([picture, *names]))


def _number(value: object) -> float:
    """A measure to draw; nothing measured leaves a hole."""
    return float("nan") if value is None else float(str(value))
