"""The pages: what each asks the database and shows of it."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from jinja2 import Environment, FileSystemLoader, select_autoescape

from eventflow_pipeline.reports import charts
from eventflow_pipeline.serve_app import tables
from eventflow_pipeline.serve_app.asked import LANGUAGES, PLATFORM, Asked
from eventflow_pipeline.serve_app.tables import Cell, Table
from eventflow_pipeline.serve_app.words import count, instant, share, words
from eventflow_pipeline.warehouse.serve.reader import Asking

_TEMPLATES = Environment(
    loader=FileSystemLoader(Path(__file__).parent / "templates"), autoescape=select_autoescape(default=True),
    trim_blocks=True, lstrip_blocks=True,
)  # fmt: skip
#: Members of a list on a page; the rest is one row, and the exports have all.
_TOP = 50
#: Clients to choose from, as many as the read lists.
MOST_CLIENTS = 1000
#: Days that are shown one by one; longer ranges by the week, then by the month.
_LONGEST_BY_DAY, _LONGEST_BY_WEEK = 92, 366
_UTM = ("utm_source", "utm_medium", "utm_campaign")
_MEASURES = ("hits", "visits", "sessionless_hits", "conversions")


@dataclass(frozen=True)
class Viewer:
    """How a page is shown: below which address, in which zone, on which day, with which nonce for its styles."""

    base: str
    zone: ZoneInfo
    today: date
    nonce: str
    #: A shared link shows one client and range, until then (ISO); None: somebody who signed in.
    shared_until: str | None = None


def render(name: str, language: str, viewer: Viewer | None = None, **values: Any) -> str:
    """A template, in a language."""
    other = LANGUAGES[1 - LANGUAGES.index(language)]
    template = _TEMPLATES.get_template(f"{name}.html")
    return template.render(t=words(language), language=language, other=other, viewer=viewer, **values)


def clients_of(asking: Asking, asked: Asked, most: int) -> Mapping[str, Any]:
    """Clients the caller may see, at most so many, each with its figures."""
    found: dict[str, Any] = asking.value(
        "select stats_api.get_agency_overview(%s, %s, null, %s)", asked.first, asked.last, most
    )
    return found


def sees_all(asking: Asking) -> bool:
    """Whether the caller may see the platform's figures."""
    return bool(asking.value("select stats.caller_sees_all()"))


def clients_page(found: Mapping[str, Any], asked: Asked, viewer: Viewer, *, with_platform: bool) -> str:
    """Clients to choose from, and the platform, for those who may see it."""
    t = words(asked.language)
    return render(
        "clients", asked.language, viewer, title=t.clients, tables=[_clients_table(found, asked, viewer, t)],
        asked=asked, periods=_periods(t, asked, viewer),
        platform=f"{viewer.base}/{asked.query(client=PLATFORM)}" if with_platform else None,
    )  # fmt: skip


def _clients_table(found: Mapping[str, Any], asked: Asked, viewer: Viewer, t: Any) -> Table:
    rows = []
    for client in found["clients"]:
        if client["is_unknown"]:
            # Facts without client count, but there is no client whose pages could be shown.
            rows.append([Cell(t.none), *tables.figures(client)])
            continue
        here = asked.query(client=client["client_id"])
        name = Cell(client["client_name"] or str(client["client_id"]), href=f"{viewer.base}/{here}")
        rows.append([name, *tables.figures(client, f"{viewer.base}/why{here}")])
    rest = tables.rest_row(t, found["clients_rest"], 1)
    return Table("clients", t.clients, [(t.client, False), *tables.measure_headings(t)], rows + rest, empty=t.no_client)


def overview_page(asking: Asking, asked: Asked, viewer: Viewer) -> str:
    """A client's numbers, or the platform's: totals against the period before, days, campaigns, links, UTM, webinars,
    quality; of the platform its clients as well."""
    t = words(asked.language)
    given = (asked.client, asked.first, asked.last)
    overview = _overview(asking, given, viewer)
    links = asking.value("select stats_api.get_link_stats(%s, %s, %s, %s)", *given, _TOP)
    summary = asking.value("select stats_api.get_marketing_summary(%s, %s, %s, %s)", *given, _TOP)
    webinars = asking.value("select stats_api.get_webinars(%s, %s, %s, %s)", *given, _TOP)
    quality = asking.value("select stats_api.get_data_quality(%s, %s, %s)", *given)
    why_of = _why(asked, viewer)
    here = why_of()
    shown = [
        _days(asking, asked, overview, why_of, viewer, t),
        tables.campaigns_table(t, overview, why_of, here, asked.is_platform),
        tables.links_table(t, links, here, asked.is_platform),
        *tables.utm_tables(t, summary, here, asked.is_platform),
        tables.webinars_table(t, overview, webinars, why_of, here, viewer.zone, asked.is_platform),
    ]
    if asked.is_platform:
        shown.insert(1, _clients_table(clients_of(asking, asked, _TOP), asked, viewer, t))
    if asked.days <= _LONGEST_BY_DAY:
        shown.append(tables.quality_table(t, quality, why_of))
    return render(
        "overview", asked.language, viewer, title=_name(t, asked, overview), asked=asked, tables=shown,
        banner=_banner(t, overview, viewer), totals=_totals(t, overview, here), compared=_compared(t, overview),
        periods=_periods(t, asked, viewer), downloads=_downloads(t, asked, viewer),
    )  # fmt: skip


def why_page(asking: Asking, asked: Asked, viewer: Viewer) -> str:
    """Why a number is what it is: what it is made of, how that was attributed, what is left out, what changed it."""
    t = words(asked.language)
    why_of = _why(asked, viewer)
    given = (asked.client, asked.first, asked.last)
    shown: list[Table] = []
    overview = _overview(asking, given, viewer)
    names = [_name(t, asked, overview), *_dates(asked)]
    if asked.entity is None:
        summary = asking.value("select stats_api.get_marketing_summary(%s, %s, %s, %s)", *given, _TOP)
        links = asking.value("select stats_api.get_link_stats(%s, %s, %s, %s)", *given, _TOP)
        here = why_of()
        shown += [
            tables.campaigns_table(t, overview, why_of, here, asked.is_platform),
            tables.links_table(t, links, here, asked.is_platform),
            *tables.utm_tables(t, summary, here, asked.is_platform),
            tables.attribution_table(t, summary),
        ]
        totals, parts = overview["totals"], overview["campaigns"] + overview["webinars"]
        is_cut = not (overview["campaigns_rest"] is None and overview["webinars_rest"] is None)
    else:
        totals, parts, is_cut = _entity(asking, asked, why_of, shown, names, t)
    if asked.days <= _LONGEST_BY_DAY:
        quality = asking.value("select stats_api.get_data_quality(%s, %s, %s)", *given)
        shown.append(tables.quality_table(t, quality, why_of))
    history = None
    if asked.days == 1:
        history = asking.value("select stats.day_history(%s, %s)", asked.client, asked.first)
        shown += [
            tables.changes_table(t, history, viewer.zone),
            tables.exclusions_table(t, history, viewer.zone),
        ]
    else:
        shown.insert(0, _days(asking, asked, overview, why_of, viewer, t))
    states = [
        (getattr(t, name), instant(history[name], viewer.zone))
        for name in ("computed_at", "stale_since", "held_since", "kept_since")
        if history and history[name]
    ]
    if history and history["closing"]:
        states.append((t.hash, history["closing"]["hash"]))
    # Visits of what a list leaves out are not known, so those of the parts cannot be added up.
    if parts and not is_cut:
        states += [
            (t.visits_of_parts, count(sum(part["visits"] for part in parts))),
            (t.visits_of_all, count(totals["visits"])),
        ]
    return render(
        "why", asked.language, viewer, title=f"{t.why}: {', '.join(names)}",
        asked=replace(asked, entity=None, entity_type=None),
        tables=shown, banner=_banner(t, overview, viewer), totals=_totals(t, {"totals": totals}, None), states=states,
        one_day=history is None,
    )  # fmt: skip


def _name(t: Any, asked: Asked, overview: Mapping[str, Any]) -> str:
    """Whose numbers they are."""
    return str(t.platform if asked.is_platform else overview["client_name"] or t.overview)


def _overview(asking: Asking, given: tuple[Any, ...], viewer: Viewer) -> dict[str, Any]:
    answer: dict[str, Any] = asking.value("select stats_api.get_client_overview(%s, %s, %s, %s)", *given, _TOP)
    if viewer.shared_until:
        # A shared link shows its own days: the period before is none of them.
        answer["previous_period"] = None
    return answer


def _entity(
    asking: Asking, asked: Asked, why_of: Any, shown: list[Table], names: list[str], t: Any
) -> tuple[Mapping[str, Any], list[Mapping[str, Any]], bool]:
    """Tables of one campaign or webinar, its name, its totals and its links, and whether those are more than shown."""
    # Folded campaigns and folded webinars have one id, so its type belongs to it; older addresses do not say it.
    entity = (asked.entity, asked.entity_type)
    # A read never cuts a range: what it refuses (a day that is not computed) is why there is no number.
    rows = asking.rows(
        "select coalesce(l.name, r.link_id::text) as link_name, r.link_status, r.hits, r.visits, r.conversions, "
        "r.cvr, count(*) over () as members, (sum(r.hits) over ())::bigint as all_hits, "
        "(sum(r.conversions) over ())::bigint as all_conversions "
        "from stats.range_summary('link', %s, %s, %s) r "
        "left join stats.readable_names(%s) l on l.kind = 'link' and l.id = r.link_id and l.client_id = r.client_id "
        "where r.entity_id = %s and coalesce(r.entity_type = %s, true) "
        "order by r.conversions desc, r.hits desc, r.link_id limit %s",
        asked.first, asked.last, asked.client, asked.client, *entity, _TOP,
    )  # fmt: skip
    total = asking.rows(
        "with names as materialized (select * from stats.readable_names(%s)) "
        "select r.*, n.name, c.name as client_name from stats.range_summary('campaign', %s, %s, %s) r "
        "left join names n on n.kind = r.entity_type and n.id = r.entity_id "
        "and n.client_id is not distinct from r.client_id "
        "left join names c on c.kind = 'client' and c.id = r.client_id "
        # Entries that drifted (E2) are another client's: of the platform, whose page this is, the row with the most.
        "where r.entity_id = %s and coalesce(r.entity_type = %s, true) order by r.hits desc limit 1",
        asked.client, asked.first, asked.last, asked.client, *entity,
    )  # fmt: skip
    utm = asking.rows(
        "select r.utm_source, r.utm_medium, r.utm_campaign, r.hits, r.visits, r.conversions, r.cvr, "
        "count(*) over () as members, (sum(r.hits) over ())::bigint as all_hits, "
        "(sum(r.conversions) over ())::bigint as all_conversions "
        "from stats.range_summary('campaign_utm', %s, %s, %s) r "
        "where r.entity_id = %s and coalesce(r.entity_type = %s, true) "
        "order by r.conversions desc, r.hits desc, r.utm_source, r.utm_medium, r.utm_campaign limit %s",
        asked.first, asked.last, asked.client, *entity, _TOP,
    )  # fmt: skip
    here = why_of(entity=asked.entity, entity_type=asked.entity_type)
    rest = _rest(rows)
    heads = tables.measure_headings(t)
    shown += [
        Table("links", t.links, [(t.link, False), (t.status, False), *heads],
              [[Cell(row["link_name"] or t.none), Cell(getattr(t, row["link_status"])), *tables.figures(row, here)]
               for row in rows] + tables.rest_row(t, rest, 2, here), empty=t.nothing),
        Table("utm", t.utm, [(t.source, False), (t.medium, False), (t.utm_campaign, False), *heads],
              [[*(Cell(t.none if row[name] is None else row[name]) for name in _UTM),
                *tables.figures(row, here)] for row in utm] + tables.rest_row(t, _rest(utm), 3, here), empty=t.nothing),
    ]  # fmt: skip
    name = (total[0]["name"] if total else None) or str(asked.entity)
    names.insert(1, tables.whose(total[0], name, asked.is_platform) if total else name)
    return total[0] if total else {**dict.fromkeys(_MEASURES, 0), "cvr": None}, list(rows), rest is not None


def _rest(rows: list[dict[str, Any]]) -> Mapping[str, Any] | None:
    """What a list leaves out of what each of its rows says there is in all; None: nothing."""
    if not rows or rows[0]["members"] == len(rows):
        return None
    return {
        "members": rows[0]["members"] - len(rows),
        "hits": rows[0]["all_hits"] - sum(row["hits"] for row in rows),
        "conversions": rows[0]["all_conversions"] - sum(row["conversions"] for row in rows),
    }


def _days(asking: Asking, asked: Asked, overview: Mapping[str, Any], why_of: Any, viewer: Viewer, t: Any) -> Table:
    """The course of the range: by day, of longer ones by week or month, each counted over its own days (M6)."""
    if asked.days <= _LONGEST_BY_DAY:
        series, labels = overview["series"], [day["date"][5:] for day in overview["series"]]
        return tables.days_table(t, series, why_of, _chart(t, t.days, labels, series, viewer))
    step, title = ("week", t.weeks) if asked.days <= _LONGEST_BY_WEEK else ("month", t.months)
    given = (asked.client, asked.first, asked.last, step)
    series = asking.value("select stats_api.get_series(%s, %s, %s, %s)", *given)["series"]
    labels = [item["from"] for item in series]
    return tables.steps_table(t, title, series, why_of, _chart(t, title, labels, series, viewer))


def _chart(t: Any, title: str, labels: list[str], series: list[Mapping[str, Any]], viewer: Viewer) -> Any:
    if not series:
        return None
    named = {t.visits: [s["visits"] for s in series], t.conversions: [s["conversions"] for s in series]}
    return charts.columns(f"{title}: {t.visits}, {t.conversions}", labels, named, viewer.nonce)


def _why(asked: Asked, viewer: Viewer) -> Any:
    """Address of the why of a figure: of the range asked, or of other days, or of a campaign."""

    def address(first: object = None, last: object = None, entity: object = None, entity_type: object = None) -> str:
        changes = {
            "from": first or asked.first, "to": last or asked.last, "entity": entity, "entity_type": entity_type,
        }  # fmt: skip
        return f"{viewer.base}/why{asked.query(**changes)}"

    return address


def _dates(asked: Asked) -> list[str]:
    return [str(asked.first) if asked.days == 1 else f"{asked.first} … {asked.last}"]


def _banner(t: Any, answer: Mapping[str, Any], viewer: Viewer) -> Mapping[str, Any]:
    """How far the numbers may be trusted."""
    return {
        "is_good": answer["complete"] and not answer["late"],
        "sentences": [
            f"{t.complete}, {t.as_of} {instant(answer['as_of'], viewer.zone)}."
            if answer["complete"]
            else f"{t.incomplete} {t.as_of.capitalize()} {instant(answer['as_of'], viewer.zone)}.",
            *([t.late] if answer["late"] else []),
            t.closed if answer["closed"] else t.not_closed,
            *([f"{t.shown_days}: {answer['from']} … {answer['to']}."] if answer["from"] else []),
        ],
    }


def _totals(t: Any, overview: Mapping[str, Any], href: str | None) -> list[Mapping[str, Any]]:
    """The figures of the range, each with how much it differs from the period before, where that is complete."""
    totals, before = overview["totals"], overview.get("previous_period") or {}
    made: list[Mapping[str, Any]] = []
    for name, title in (("visits", t.visits), ("conversions", t.conversions), ("cvr", t.cvr), ("hits", t.hits)):
        shown = share if name == "cvr" else count
        change = None
        if before.get("complete") and before.get(name) is not None and totals[name] is not None:
            old, new = float(before[name]), float(totals[name])
            change = f"{(new - old) * 100:+.1f}%p" if name == "cvr" else f"{(new - old) / old:+.1%}" if old else None
            change = f"{change or '–'} ({shown(before[name])} {t.before})"
        made.append({"name": name, "title": title, "text": shown(totals[name]), "href": href, "change": change})
    return made


def _compared(t: Any, overview: Mapping[str, Any]) -> str | None:
    before = overview["previous_period"]
    if before is None:
        return None
    return f"{t.before.capitalize()}: {before['from']} … {before['to']}." if before["complete"] else str(t.not_compared)


def _periods(t: Any, asked: Asked, viewer: Viewer) -> list[Mapping[str, Any]]:
    """The periods one usually asks for."""
    today = viewer.today
    month = today.replace(day=1)
    last_month = (month - timedelta(days=1)).replace(day=1)
    return [
        {"title": title, "href": f"{viewer.base}/{asked.query(**{'from': first, 'to': last})}",
         "is_current": (asked.first, asked.last) == (first, last)}
        for title, first, last in (
            (t.days_7, today - timedelta(days=6), today),
            (t.days_30, today - timedelta(days=29), today),
            (t.this_month, month, today),
            (t.last_month, last_month, month - timedelta(days=1)),
        )
    ]  # fmt: skip


def _downloads(t: Any, asked: Asked, viewer: Viewer) -> list[tuple[str, str]]:
    """What can be taken along: the statement, and rows of each grain."""
    query = asked.query(entity=None, entity_type=None)
    statement = [
        (f"{t.statement} ({form})", f"{viewer.base}/statement.{form}{query}")
        for form in ("html", "xlsx", "csv")
        if not asked.is_platform
    ]
    own = [(t.days, "days", "platform"), (t.clients, "summary", "client")]
    rows = [
        (f"{title} ({form})", f"{viewer.base}/export/{rows}/{grain}.{form}{query}")
        for title, rows, grain in (
            *(own if asked.is_platform else [(t.days, "days", "client")]),
            (t.campaigns, "summary", "campaign"), (t.links, "summary", "link"), (t.utm, "summary", "utm"),
        )
        for form in ("csv", "xlsx", "parquet")
    ]  # fmt: skip
    return statement + rows
