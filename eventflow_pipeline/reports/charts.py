"""Charts as SVG, drawn by pygal on the server: nothing runs where they are looked at."""

from collections.abc import Mapping, Sequence
from typing import Any

import pygal
from markupsafe import Markup
from pygal.style import Style

Series = Mapping[str, Sequence[int | None]]
_STYLE = Style(
    background="transparent", plot_background="transparent", foreground="#333", foreground_strong="#111",
    foreground_subtle="#666", colors=("#2b6cb0", "#c05621"), font_family="system-ui, sans-serif",
    label_font_size=13, major_label_font_size=13, legend_font_size=14, value_font_size=12, opacity=".9",
    guide_stroke_color="#ddd", major_guide_stroke_color="#ddd", guide_stroke_dasharray="1,0",
    major_guide_stroke_dasharray="1,0",
)  # fmt: skip
_MOST_LABELS = 8


def columns(title: str, labels: Sequence[str], series: Series, nonce: str) -> Markup:
    """A column for each label and series, for a place inside a page; None is a gap.

    ``title`` is what those hear who do not see it; ``nonce`` that of the page's Content-Security-Policy, for the
    chart's own style.
    """
    return Markup(_drawn(pygal.Bar, (560, 280), title, labels, series, nonce))  # noqa: S704  labels and names are escaped by pygal


def lines(title: str, labels: Sequence[str], series: Series) -> str:
    """A line for each series, as a picture of its own (a file, or what an ``img`` shows)."""
    return _drawn(pygal.Line, (960, 320), title, labels, series)


def _drawn(
    kind: Any, size: tuple[int, int], title: str, labels: Sequence[str], series: Series, nonce: str | None = None
) -> str:
    chart = kind(
        style=_STYLE, js=(), width=size[0], height=size[1], disable_xml_declaration=True, legend_at_bottom=True,
        margin=4, show_minor_x_labels=False, truncate_label=-1, min_scale=3, include_x_axis=True, no_data_text=title,
        # Half of the last label stands beyond the last value.
        margin_right=4 * max(map(len, labels), default=1), dots_size=2,
    )  # fmt: skip
    every = -(-len(labels) // _MOST_LABELS) or 1
    chart.x_labels = list(labels)
    chart.x_labels_major = list(labels)[::every]
    for name, values in series.items():
        chart.add(name, list(values))

    def without_script(root: Any) -> Any:
        root.set("role", "img")
        root.set("aria-label", title)
        for parent in list(root.iter()):
            for child in list(parent):
                # The tag of a comment is no text; a tooltip needs a script.
                if not isinstance(child.tag, str) or child.tag.endswith("script") or child.get("class") == "tooltip":
                    parent.remove(child)
                elif nonce and child.tag.endswith("style"):
                    child.set("nonce", nonce)
        return root

    chart.add_xml_filter(without_script)
    return str(chart.render(is_unicode=True))
