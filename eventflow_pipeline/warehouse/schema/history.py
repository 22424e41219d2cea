"""What no facts give back: rules, reasons, the ledger, samples. Counted before it is lost, kept over a way back."""

from collections.abc import Mapping

from sqlalchemy import Connection, text

#: Kept, by table, and what people call its rows. What they depend on comes first.
KEPT: Mapping[str, str] = {
    "exclusion": "exclusions",
    "exclusion_change": "changes of exclusions with their reasons",
    "fold_rule": "fold rules",
    "fold_value": "values of fold rules",
    "definition_change": "changes of definitions with their reasons",
    "threshold_override": "clients' own thresholds",
    "accepted_check": "accepted failures of checks",
    "day_ledger": "ledger rows",
    "webinar_sample": "webinar samples",
    "closing": "closings, adjustments and reopenings of months",
    "closing_figure": "figures of closed months",
    "closing_day": "days of closed months",
    "mailing": "statements that were mailed",
    "share_link": "shared links",
}
#: Never kept: rows may hold personal data, or are computed. A condition says which rows are meant.
_LOST: Mapping[str, tuple[str, str]] = {
    "partition_state": ("computed days", "computed_at is not null"),
    "dead_letter": ("dead letters (facts not stored yet)", "payload is not null"),
    "fact_surface": ("pages and first touches of captured facts", "true"),
}
_DEFINITIONS = "hourly_clients, hourly_campaigns, linkage_days_before, linkage_minutes_after"


def counts_of(connection: Connection, *, capture: bool) -> tuple[dict[str, int], dict[str, int]]:
    """How many rows are computed or cannot be kept, and how many history has, by what they are called; none: left out.

    ``capture``: what capture stored besides facts is among them. Tables that do not exist yet have none.
    """
    lost = {
        what: _count(connection, table, condition)
        for table, (what, condition) in _LOST.items()
        if capture or table == "partition_state"
    }
    history = {what: _count(connection, table) for table, what in KEPT.items()}
    return {what: n for what, n in lost.items() if n}, {what: n for what, n in history.items() if n}


def set_aside(connection: Connection) -> None:
    """Copy history out of schema ``stats``, to where ``bring_back`` finds it. Safe to repeat."""
    for table in KEPT:
        if _count(connection, table):
            connection.execute(text("create schema if not exists stats_kept"))
            _copy(connection, table, f"table stats.{table}")
    if _count(connection, "definition_change"):
        _copy(connection, "build_settings", f"select {_DEFINITIONS} from stats.build_settings")  # noqa: S608


def bring_back(connection: Connection) -> None:
    """Put history that was set aside into the tables there are, once; drop the copies of what never went."""
    for table in (*KEPT, "build_settings"):
        if not (_exists(connection, f"stats_kept.{table}") and _exists(connection, f"stats.{table}")):
            continue
        if table == "build_settings":
            names = _DEFINITIONS.split(", ")
            values = ", ".join(f"{name} = k.{name}" for name in names)
            update = f"update stats.build_settings set {values} from stats_kept.build_settings k"  # noqa: S608
            connection.execute(text(update))
        elif not _count(connection, table):
            columns = connection.execute(
                text("""
                    select string_agg(quote_ident(a.attname), ', ' order by a.attnum)
                    from pg_catalog.pg_attribute a
                    join pg_catalog.pg_attribute k on k.attrelid = to_regclass('stats_kept.' || :table)
                        and k.attname = a.attname and k.attnum > 0
                    where a.attrelid = to_regclass('stats.' || :table) and a.attnum > 0 and a.attidentity = ''
                """),
                {"table": table},
            ).scalar_one()
            order = "order by entry_no" if table == "day_ledger" else ""
            connection.execute(
                text(f"insert into stats.{table} ({columns}) select {columns} from stats_kept.{table} {order}")  # noqa: S608
            )
        connection.execute(text(f"drop table stats_kept.{table}"))
    left = "select exists (select from pg_catalog.pg_class where relnamespace = to_regnamespace('stats_kept'))"
    if not connection.execute(text(left)).scalar_one():
        connection.execute(text("drop schema if exists stats_kept"))


def _exists(connection: Connection, name: str) -> bool:
    return bool(connection.execute(text("select to_regclass(:name) is not null"), {"name": name}).scalar_one())


def _count(connection: Connection, table: str, condition: str = "true") -> int:
    if not _exists(connection, f"stats.{table}"):
        return 0
    counted = connection.execute(text(f"select count(*) from stats.{table} where {condition}"))  # noqa: S608
    return int(counted.scalar_one())


def _copy(connection: Connection, table: str, what: str) -> None:
    connection.execute(text(f"drop table if exists stats_kept.{table}"))
    connection.execute(text(f"create table stats_kept.{table} as {what}"))
