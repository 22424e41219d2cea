"""Tables of the pages: what the reads of ``stats_api`` answer, as headings and cells."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any
from zoneinfo import ZoneInfo

from markupsafe import Markup

from eventflow_pipeline.serve_app.words import MISSING, count, instant, share

Item = Mapping[str, Any]


@dataclass(frozen=True)
class Cell:
    """Text, whether it is a figure, and where it leads: of a figure to why it is one."""

    text: str
    is_figure: bool = False
    href: str | None = None


@dataclass(frozen=True)
class Table:
    """A titled table, the chart beside it, and what to say where there is nothing."""

    name: str
    title: str
    headings: Sequence[tuple[str, bool]]
    rows: Sequence[Sequence[Cell]]
    chart: Markup | None = None
    empty: str = ""
    notes: Sequence[str] = field(default_factory=tuple)


def figures(item: Item, href: str | None = None) -> list[Cell]:
    """Hits, visits, conversions and their rate, each leading to its why."""
    conversions = item.get("conversions", item.get("count"))
    shown = (count(item.get("hits")), count(item.get("visits")), count(conversions), share(item.get("cvr")))
    return [Cell(text, True, href if text != MISSING else None) for text in shown]


def measure_headings(t: SimpleNamespace) -> list[tuple[str, bool]]:
    """Headings of ``figures``."""
    return [(t.hits, True), (t.visits, True), (t.conversions, True), (t.cvr, True)]


def rest_row(t: SimpleNamespace, rest: Item | None, keys: int, href: str | None = None) -> list[list[Cell]]:
    """What a list leaves out, as its last row; its visits are not known (docs/reads.md)."""
    if rest is None:
        return []
    label = f"{t.rest} ({count(rest['members'])})"
    return [[Cell(label), *(Cell("") for _ in range(keys - 1)), *figures(rest, href)]]


def days_table(t: SimpleNamespace, series: Iterable[Item], why_of: Any, chart: Markup | None = None) -> Table:
    """A row a day, newest first."""
    rows = [[Cell(day["date"]), *figures(day, why_of(day["date"], day["date"]))] for day in series]
    return Table("days", t.days, [(t.date, False), *measure_headings(t)], rows[::-1], chart)


def steps_table(t: SimpleNamespace, title: str, series: Iterable[Item], why_of: Any, chart: Markup | None) -> Table:
    """A row a week or month, newest first."""
    rows = [
        [Cell(f"{step['from']} … {step['to']}"), *figures(step, why_of(step["from"], step["to"]))] for step in series
    ]
    return Table("days", title, [(t.date, False), *measure_headings(t)], rows[::-1], chart)


def title_of(t: SimpleNamespace, item: Item) -> str:
    """What a campaign or webinar is called."""
    if item.get("is_folded"):
        return str(t.folded)
    return str(t.no_campaign) if item.get("is_unknown") else item.get("title") or str(item.get("entity_id"))


def whose(item: Item, name: str, is_platform: bool) -> str:
    """A name, and on pages of the platform, whose lists have a row for each client, whose it is."""
    return f"{name} · {item['client_name']}" if is_platform and item["client_name"] else name


def campaigns_table(t: SimpleNamespace, overview: Item, why_of: Any, here: str, is_platform: bool = False) -> Table:
    """Campaigns and webinars by conversions."""

    def why(item: Item) -> str:
        return why_of(entity=item["entity_id"], entity_type="campaign") if item["entity_id"] else here

    rows = [
        [Cell(whose(item, title_of(t, item), is_platform)), *figures(item, why(item))] for item in overview["campaigns"]
    ]
    rest = rest_row(t, overview["campaigns_rest"], 1, here)
    return Table("campaigns", t.campaigns, [(t.campaign, False), *measure_headings(t)], rows + rest, empty=t.nothing)


def links_table(t: SimpleNamespace, links: Item, here: str, is_platform: bool = False) -> Table:
    """Links by conversions, and what came by unknown ones or none."""

    def name(item: Item) -> str:
        if item["is_folded"]:
            own = str(t.folded)
        else:
            own = str(t.none) if item["is_unknown"] else item["link_name"] or str(item["link_id"])
        return whose(item, own, is_platform)

    rows = [
        [
            Cell(name(item)),
            Cell(item["entity_title"] or (MISSING if item["entity_id"] is None else str(item["entity_id"]))),
            Cell(getattr(t, item["link_status"])),
            *figures(item, here + "#links"),
        ]
        for item in links["links"]
    ]
    headings = [(t.link, False), (t.leads_to, False), (t.status, False), *measure_headings(t)]
    return Table(
        "links", t.links, headings, rows + rest_row(t, links["links_rest"], 3, here + "#links"), empty=t.nothing
    )


def utm_tables(t: SimpleNamespace, summary: Item, here: str, is_platform: bool = False) -> list[Table]:
    """By source, medium, campaign."""
    made = []
    for list_name, key, title in (
        ("by_source", "source", t.source), ("by_medium", "medium", t.medium),
        ("by_campaign", "campaign", t.utm_campaign),
    ):  # fmt: skip
        rows = [
            [
                Cell(whose(item, str(t.none) if item["is_unknown"] else item[key], is_platform)),
                *figures(item, f"{here}#{list_name}"),
            ]
            for item in summary[list_name]
        ]
        rest = rest_row(t, summary[f"{list_name}_rest"], 1, f"{here}#{list_name}")
        headings = [(title, False), *measure_headings(t)]
        # The word for a UTM campaign says so itself.
        whole = title if key == "campaign" else f"UTM: {title}"
        made.append(Table(list_name, whole, headings, rows + rest, empty=t.nothing))
    return made


def webinars_table(
    t: SimpleNamespace,
    overview: Item,
    webinars: Item,
    why_of: Any,
    here: str,
    zone: ZoneInfo,
    is_platform: bool = False,
) -> Table:
    """Webinars by conversions, with their start and how many watched at once, where that was observed (W3)."""
    curves = {item["webinar_id"]: item for item in webinars["webinars"]}
    counted = {item["entity_id"] for item in overview["webinars"]}
    watched_only = [
        {**item, "entity_id": id, "hits": 0, "visits": 0, "conversions": 0, "cvr": None}
        for id, item in curves.items()
        if id not in counted and overview["webinars_rest"] is None
    ]
    rows = []
    for item in (*overview["webinars"], *watched_only):
        curve = curves.get(item["entity_id"], {})
        href = why_of(entity=item["entity_id"], entity_type="webinar")
        watched = (count(curve.get("peak")), count(curve.get("minutes_missed")))
        rows.append(
            [
                Cell(whose(item, title_of(t, item), is_platform)),
                Cell(instant(curve.get("webinar_start_time"), zone)),
                *(Cell(text, True, href if text != MISSING else None) for text in watched),
                *figures(item, href),
            ]
        )
    rest = rest_row(t, overview["webinars_rest"], 4, here)
    headings = [(t.webinar, False), (t.starts, False), (t.peak, True), (t.missed, True), *measure_headings(t)]
    return Table("webinars", t.webinars, headings, rows + rest, empty=t.nothing)


def quality_table(t: SimpleNamespace, quality: Item, why_of: Any) -> Table:
    """Indicators by day, newest first (Q1-Q7)."""
    rows = []
    for day in reversed(quality["days"]):
        href = why_of(day["date"], day["date"])
        shown = (
            share(day["linkage"]),
            share((day["utm_fill"] or {}).get("captured_hits")),
            share((day["utm_fill"] or {}).get("attributed_hits")),
            share((day["link_status"] or {}).get("unresolved_hits")),
            share((day["link_status"] or {}).get("unknown_hits")),
            count(day["excluded_hits"]),
        )
        rows.append([Cell(day["date"]), *(Cell(text, True, href if text != MISSING else None) for text in shown)])
    headings = [(t.date, False), (t.linkage, True), (t.utm_captured, True), (t.utm_attributed, True),
                (t.unresolved_share, True), (t.unknown_share, True), (t.excluded, True)]  # fmt: skip
    return Table("quality", t.quality, headings, rows, empty=t.nothing)


def attribution_table(t: SimpleNamespace, summary: Item) -> Table:
    """By which kind of link hits and conversions were attributed (A1, A2); these add up."""
    rows = [
        [Cell(getattr(t, status)), Cell(count(found["hits"]), True), Cell(count(found["conversions"]), True)]
        for status, found in summary["link_status"].items()
    ]
    return Table("attribution", t.attribution, [(t.status, False), (t.hits, True), (t.conversions, True)], rows)


def changes_table(t: SimpleNamespace, history: Item, zone: ZoneInfo) -> Table:
    """Every change of a day's numbers, before and after, newest first."""

    def change(row: Item, measure: str) -> Cell:
        before, after = row[f"{measure}_before"], row[f"{measure}_after"]
        return Cell(count(after) if before == after else f"{count(before)} → {count(after)}", True)

    rows = [
        [Cell(instant(row["replaced_at"], zone)), Cell(row["cause"]),
         *(change(row, measure) for measure in ("hits", "visits", "conversions"))]
        for row in reversed(history["changes"])
    ]  # fmt: skip
    headings = [(t.time, False), (t.cause, False), (t.hits, True), (t.visits, True), (t.conversions, True)]
    return Table("changes", t.changes, headings, rows, empty=t.no_changes)


def exclusions_table(t: SimpleNamespace, history: Item, zone: ZoneInfo) -> Table:
    """Campaigns of the client that are not counted (E3), and why."""
    rows = [
        [Cell(row["title"] or str(row["entity_id"])), Cell(row["reason"]), Cell(instant(row["created_at"], zone))]
        for row in history["exclusions"]
    ]
    headings = [(t.campaign, False), (t.reason, False), (t.since, False)]
    return Table("exclusions", t.exclusions, headings, rows, empty=t.no_exclusions)
