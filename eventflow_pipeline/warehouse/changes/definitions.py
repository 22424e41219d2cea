"""Changing a definition (hourly lists, look-back of linkage): what it costs, the change, its history, its days."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import date
from uuid import UUID

from sqlalchemy import Engine, RowMapping

from eventflow_pipeline.domain.definitions import Definitions, parsed, require_definition, spelled
from eventflow_pipeline.errors import UserError
from eventflow_pipeline.settings import Settings
from eventflow_pipeline.warehouse.changes.detection import Scope, detect_changes
from eventflow_pipeline.warehouse.db.engine import connect
from eventflow_pipeline.warehouse.db.sql import statement
from eventflow_pipeline.warehouse.registry import definitions_in_force


@dataclass(frozen=True, slots=True)
class DefinitionChange:
    """A definition's value as it is and as it would be, and how many days depend on it.

    ``unreachable``: those of them that pruned session-days no longer allow to be computed again.
    """

    name: str
    before: tuple[UUID, ...] | int
    after: tuple[UUID, ...] | int
    days: int
    unreachable: int


def definitions(engine: Engine) -> Definitions:
    """Those in force."""
    with connect(engine) as connection:
        return definitions_in_force(connection)


def definition_changes(engine: Engine) -> Sequence[RowMapping]:
    """Every change so far, oldest first: name, value_before, value_after, reason, author, changed_at."""
    with connect(engine) as connection:
        return connection.execute(statement("storage/registry/select_definition_changes")).mappings().all()


def definition_change(engine: Engine, name: str, given: str) -> DefinitionChange:
    """What setting ``name`` to what somebody wrote would change; nothing is written. Raises UserError."""
    after = parsed(name, given)
    with connect(engine) as connection:
        before = getattr(definitions_in_force(connection), name)
        row = connection.execute(
            statement("storage/registry/select_dependent_days"), {"of_days": require_definition(name).of_days}
        ).one()
    if before == after:
        raise UserError(f"{name} is {spelled(before)} already: nothing was changed.")
    return DefinitionChange(name, before, after, row.days, row.unreachable)


def set_definition(engine: Engine, change: DefinitionChange, reason: str, author: str) -> None:
    """Write a change and its history. Raises UserError when the value is no longer what it was when asked."""
    values = {
        "name": change.name,
        "value_before": spelled(change.before),
        "value_after": spelled(change.after),
        "reason": reason,
        "author": author,
    }
    with connect(engine) as connection:
        seen = asdict(definitions_in_force(connection))
        seen[change.name] = change.before
        wanted = {**seen, change.name: change.after}
        parameters = {
            f"{prefix}_{name}": list(value) if isinstance(value, tuple) else value
            for prefix, values_of in (("seen", seen), ("new", wanted))
            for name, value in values_of.items()
        }
        written = connection.execute(statement("storage/registry/update_definitions"), {**parameters, **values}).first()
    if written is None:
        raise UserError(
            f"{change.name} was changed by somebody else meanwhile: look again with `eventflow definitions show`."
        )


def changed_days(engine: Engine, settings: Settings) -> list[date]:
    """A pass over all days, so that those a change of their definition concerns are marked and heal by themselves."""
    return list(detect_changes(engine, settings, Scope.ALL).days)
