"""Fold rules (A6): members that count in one, so that nobody can make a client's members without end."""

from collections.abc import Sequence
from dataclasses import asdict
from datetime import date
from uuid import UUID

from sqlalchemy import Connection, Engine, RowMapping

from eventflow_pipeline.domain.folds import LONGEST_PREFIX, Fold, id_prefix, ids, require_field
from eventflow_pipeline.errors import UserError
from eventflow_pipeline.settings import Settings
from eventflow_pipeline.warehouse.changes.detection import Scope, detect_changes
from eventflow_pipeline.warehouse.db.engine import connect
from eventflow_pipeline.warehouse.db.sql import statement


def fold_of_lines(engine: Engine, client_id: UUID | None, field: str, kind: str, lines: Sequence[str]) -> Fold:
    """A rule of the kind values or all_except from lines as somebody wrote them, normalized as facts are.

    Raises UserError when a line is no id (of an id field), or when values has none; all_except may spare nothing.
    """
    require_field(field)
    values = _normalized(engine, lines) if field.startswith("utm_") else ids(lines)
    if kind == "values" and not values:
        raise UserError("The file has no value: write one a line.")
    return Fold(client_id, field, kind, values)


def fold_of_prefix(engine: Engine, client_id: UUID | None, field: str, prefix: str) -> Fold:
    """A rule of the kind prefix. Raises UserError."""
    require_field(field)
    if not field.startswith("utm_"):
        return Fold(client_id, field, "prefix", prefix=id_prefix(prefix))
    normalized = _normalized(engine, [prefix])
    if not normalized:
        raise UserError("--prefix is empty: to fold every value, use --all-except with an empty file.")
    if len(normalized[0]) > LONGEST_PREFIX:
        raise UserError(f"--prefix has {len(normalized[0])} characters: give at most {LONGEST_PREFIX}.")
    return Fold(client_id, field, "prefix", prefix=normalized[0])


def days_of_fold(engine: Engine, fold: Fold) -> tuple[list[date], int]:
    """The computed days whose members the rule would fold, and how many of them are out of reach (pruned)."""
    with connect(engine) as connection:
        return _with_pruned(connection, "select_days_of_fold", _parameters(fold))


def days_of_rule(engine: Engine, rule_no: int) -> tuple[list[date], int]:
    """The computed days that removing the rule may change, and how many are out of reach. Raises UserError."""
    with connect(engine) as connection:
        rule = next((r for r in _rules(connection, also_removed=False) if r["rule_no"] == rule_no), None)
        if rule is None:
            raise UserError(f"There is no fold rule {rule_no} in force: see `eventflow fold list`.")
        return _with_pruned(
            connection, "select_days_with_folded", {"client_id": rule["client_id"], "field": rule["field"]}
        )


def add_fold(
    engine: Engine, settings: Settings, fold: Fold, days: Sequence[date], reason: str, author: str
) -> tuple[int, list[date]]:
    """Write the rule; returns its number and those of ``days`` (see ``days_of_fold``) it changes, now marked stale."""
    with connect(engine) as connection:
        values = {**_parameters(fold), "reason": reason, "author": author}
        rule_no = connection.execute(statement("storage/changes/insert_fold"), values).scalar_one()
    return rule_no, _mark(engine, settings, days)


def remove_fold(
    engine: Engine, settings: Settings, rule_no: int, days: Sequence[date], reason: str, author: str
) -> list[date]:
    """End the rule; returns those of ``days`` (see ``days_of_rule``) it changes, now marked stale. Raises UserError."""
    with connect(engine) as connection:
        values = {"rule_no": rule_no, "reason": reason, "author": author}
        if connection.execute(statement("storage/changes/update_fold_removed"), values).first() is None:
            raise UserError(f"There is no fold rule {rule_no} in force: see `eventflow fold list`.")
    return _mark(engine, settings, days)


def folds(engine: Engine, *, also_removed: bool = False) -> Sequence[RowMapping]:
    """The rules in force, or all there ever were, oldest first, each with how many values it lists."""
    with connect(engine) as connection:
        return _rules(connection, also_removed=also_removed)


def _rules(connection: Connection, *, also_removed: bool) -> Sequence[RowMapping]:
    rows = connection.execute(statement("storage/changes/select_folds"), {"also_removed": also_removed})
    return rows.mappings().all()


def _normalized(engine: Engine, lines: Sequence[str]) -> tuple[str, ...]:
    given = {"values": [line.replace("\0", "") for line in lines]}  # U+0000 is in no text of the database
    with connect(engine) as connection:
        return tuple(connection.execute(statement("storage/changes/select_normalized_utm"), given).scalars())


def _parameters(fold: Fold) -> dict[str, object]:
    return {**asdict(fold), "values": list(fold.values)}


def _with_pruned(connection: Connection, name: str, parameters: dict[str, object]) -> tuple[list[date], int]:
    days = list(connection.execute(statement(f"storage/changes/{name}"), parameters).scalars())
    pruned = connection.execute(statement("storage/changes/select_pruned_days"), {"days": days}).scalar_one()
    return days, pruned


def _mark(engine: Engine, settings: Settings, days: Sequence[date]) -> list[date]:
    """A pass over the rule's own days, so that they heal at the next tick however old they are."""
    return [*detect_changes(engine, settings, Scope.NAMED, days).days]
