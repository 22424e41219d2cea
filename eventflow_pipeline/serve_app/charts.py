"""Charts as SVG inside a page, drawn by pygal on the server: nothing runs in the browser."""

from collections.abc import Mapping, Sequence
from typing import Any

import pygal
from markupsafe import Markup
from pygal.style import Style

_STYLE = Style(
    background="transparent", plot_background="transparent", foreground="#333", foreground_strong="#111",
    foreground_subtle="#666", colors=("#2b6cb0", "#c05621"), font_family="system-ui, sans-serif",
    label_font_size=13, major_label_font_size=13, legend_font_size=14, value_font_size=12, opacity=".9",
    guide_stroke_color="#ddd", major_guide_stroke_color="#ddd", guide_stroke_dasharray="1,0",
    major_guide_stroke_dasharray="1,0",
)  # fmt: skip
_MOST_LABELS = 8


def columns(title: str, labels: Sequence[str], series: Mapping[str, Sequence[int | None]], nonce: str) -> Markup:
    """A column for each label and series; None is a gap. ``title`` is what those hear who do not see it.

    ``nonce`` is that of the page's Content-Security-Policy, for the chart's own style.
    """
    chart = pygal.Bar(
        style=_STYLE, js=(), width=560, height=280, disable_xml_declaration=True, legend_at_bottom=True, margin=4,
        show_minor_x_labels=False, truncate_label=-1, min_scale=3, include_x_axis=True, no_data_text=title,
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
                elif child.tag.endswith("style"):
                    child.set("nonce", nonce)
        return root

    chart.add_xml_filter(without_script)
    return Markup(chart.render(is_unicode=True))  # noqa: S704  labels and names are escaped by pygal
