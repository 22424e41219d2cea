"""The picture of the benchmark `ranges`: three panels, bars on logarithmic axes."""

from collections.abc import Mapping
from pathlib import Path

import matplotlib

matplotlib.use("Agg")
from matplotlib import pyplot as plt
from matplotlib.axes import Axes

from benchmarks._timing import Times, shown
from benchmarks.report import ROOT

PICTURE = ROOT / "docs" / "images" / "benchmark-ranges.png"
_ONE, _OTHER = "#2a78b8", "#c9d8e6"


def draw(backfills: Mapping[str, Times], reads: Mapping[str, Times], refreshes: Mapping[str, Times]) -> Path:
    """Draw and save the picture; returns where."""
    figure, (left, middle, right) = plt.subplots(1, 3, figsize=(15, 4.2), layout="constrained")
    names = {
        name: f"{name}, large"
        for name in ("select 1", "client", "campaign", "link", "raw client", "raw campaign", "raw link")
    }
    _bars(left, "30 days of one client", {name: reads[key] for name, key in names.items()})
    _bars(middle, "30 days of everything", {
        "plain statement,\n4 grains": backfills["plain"], "engine,\n9 grains": backfills["engine"],
        "engine, again": backfills["again"], "Dagster": backfills["dagster"],
    }, logarithmic=False)  # fmt: skip
    _bars(right, "one corrected day, 9 and 90 days of history", {
        f"{label},\n{days} days": refreshes[f"{key}, {size}"]
        for key, label in {"tables": "tables", "view": "view", "view concurrently": "concurrently"}.items()
        for size, days in {"short": 9, "long": 90}.items()
    })  # fmt: skip
    PICTURE.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(PICTURE, dpi=80)
    plt.close(figure)
    return PICTURE


def _bars(axes: Axes, title: str, times: Mapping[str, Times], *, logarithmic: bool = True) -> None:
    others = ("select 1", "raw", "plain", "view", "concurrently")
    colours = [_OTHER if name.startswith(others) else _ONE for name in times]
    bars = axes.barh(list(times), [t.median for t in times.values()], color=colours)
    axes.bar_label(bars, [shown(t.median) for t in times.values()], padding=3, fontsize=8)
    axes.invert_yaxis()
    axes.set_title(title, fontsize=10)
    axes.tick_params(labelsize=8)
    if logarithmic:
        axes.set_xscale("log")
    axes.margins(x=0.25)
    axes.set_xlabel("seconds, median", fontsize=8)
    axes.spines[["top", "right"]].set_visible(False)
