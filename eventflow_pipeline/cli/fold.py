"""``eventflow fold``: members that count in one, with reason, author and time (A6)."""

from pathlib import Path
from typing import Annotated, Any

import typer

from eventflow_pipeline.cli.app import Author, Json, Yes, agreed, answer, app, login_name
from eventflow_pipeline.domain.foreign_text import plain
from eventflow_pipeline.errors import UserError

fold = typer.Typer(
    help="Fold rules (A6): values of one field of a client's facts that count in one member, when somebody invents "
    "them without end. A folded UTM counts as (folded); folded ids as the id 00000000-0000-0000-0000-000000000000: "
    "unresolved links and campaigns or webinars without a row only. Every number stays exact, visits of the folded "
    "member are its distinct sessions, facts stay as they are, and removing the rule restores everything.",
    no_args_is_help=True,
)
app.add_typer(fold, name="fold")
Reason = Annotated[str, typer.Option("--reason", metavar="TEXT", help="Why; kept with the rule.")]
#: From how many days on it is said that comparing them takes a while.
_MANY_DAYS = 31


@fold.command()
def add(
    client: Annotated[str, typer.Option(metavar="CLIENT", help="Whose facts: its id, its name, or unknown.")],
    field: Annotated[
        str, typer.Option(metavar="FIELD", help="utm_source, utm_medium, utm_campaign, link_id or entity_id.")
    ],
    reason: Reason,
    values: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Fold the values of this file, one a line.")
    ] = None,
    prefix: Annotated[str | None, typer.Option(metavar="TEXT", help="Fold every value that begins so.")] = None,
    all_except: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Fold every value but those of this file; it may be empty.")
    ] = None,
    author: Author = None,
    yes: Yes = False,
    as_json: Json = False,
) -> None:
    """Fold values, in all history and from now on. It says how many days that changes and asks.

    Values are normalized as facts are (trimmed, lower case, Unicode NFC), ids are uuids; blank lines do not count, nor
    do blanks at the ends of a prefix. What was not supplied (NULL) is a member of its own and never folds. The days
    are marked stale at once and heal by themselves, however old they are, or by `eventflow heal`.

    Example: eventflow fold add --client acme --field utm_campaign --prefix bot- --reason "a crawler invents them"
    """
    from eventflow_pipeline.dev.environment import environment
    from eventflow_pipeline.warehouse.answers.explain import find_client
    from eventflow_pipeline.warehouse.changes.folds import add_fold, days_of_fold, fold_of_lines, fold_of_prefix
    from eventflow_pipeline.warehouse.db.engine import connect, pipeline
    from eventflow_pipeline.warehouse.schema.build_settings import require_build_settings

    _require_reason(reason)
    if sum(given is not None for given in (values, prefix, all_except)) != 1:
        raise UserError("Give one of --values FILE, --prefix TEXT and --all-except FILE: what the rule folds.")
    with environment() as settings, pipeline(settings) as engine:
        with connect(engine) as connection:
            require_build_settings(connection, settings)
            whose = find_client(connection, client)
        if prefix is not None:
            rule = fold_of_prefix(engine, whose["id"], field, prefix)
        else:
            kind, file = ("values", values) if values else ("all_except", all_except)
            rule = fold_of_lines(engine, whose["id"], field, kind, _lines(file))
        days, unreachable = days_of_fold(engine, rule)
        what = _what({**_row(rule), "client_name": whose["name"]})
        agreed(yes, f"{what} count in one member: {_cost(len(days), unreachable)}")
        _say_it_takes_a_while(len(days))
        rule_no, marked = add_fold(engine, settings, rule, days, reason.strip(), login_name(author))
    answer(
        as_json,
        {"rule_no": rule_no, "client_id": rule.client_id, "field": field, "values": len(rule.values), "days": marked},
        f"Fold rule {rule_no} is in force: {what} count in one member; {len(marked)} days are marked and heal by "
        "themselves (or: eventflow heal).",
    )


@fold.command()
def remove(
    rule: Annotated[int, typer.Argument(metavar="RULE", help="Number of the rule, as `eventflow fold list` has it.")],
    reason: Reason,
    author: Author = None,
    yes: Yes = False,
    as_json: Json = False,
) -> None:
    """End a rule: what it folded counts by its own values again, in all history and from now on.

    It says how many days hold such a folded member and asks; those of them that change are marked and heal.
    """
    from eventflow_pipeline.dev.environment import environment
    from eventflow_pipeline.warehouse.changes.folds import days_of_rule, remove_fold
    from eventflow_pipeline.warehouse.db.engine import connect, pipeline
    from eventflow_pipeline.warehouse.schema.build_settings import require_build_settings

    _require_reason(reason)
    with environment() as settings, pipeline(settings) as engine:
        with connect(engine) as connection:
            require_build_settings(connection, settings)
        days, unreachable = days_of_rule(engine, rule)
        agreed(yes, f"Fold rule {rule} ends: up to {_cost(len(days), unreachable)}")
        _say_it_takes_a_while(len(days))
        marked = remove_fold(engine, settings, rule, days, reason.strip(), login_name(author))
    answer(
        as_json,
        {"rule_no": rule, "days": marked},
        f"Fold rule {rule} is removed; {len(marked)} days are marked and heal by themselves (or: eventflow heal).",
    )


@fold.command("list")
def list_rules(
    also_removed: Annotated[bool, typer.Option("--removed", help="Also those that were removed.")] = False,
    as_json: Json = False,
) -> None:
    """The rules in force: number, whose facts, which values, author, reason, time."""
    from eventflow_pipeline.dev.environment import environment
    from eventflow_pipeline.warehouse.changes.folds import folds
    from eventflow_pipeline.warehouse.db.engine import pipeline

    with environment() as settings, pipeline(settings) as engine:
        rules = folds(engine, also_removed=also_removed)
    lines = [
        f"{r['rule_no']}  {r['created_at']:%Y-%m-%d %H:%M}Z  {_what(r)}  ({plain(r['author'])}: {plain(r['reason'])})"
        + (f"  removed {r['removed_at']:%Y-%m-%d %H:%M}Z by {plain(r['removed_by'])}" if r["removed_at"] else "")
        for r in rules
    ]
    answer(as_json, {"folds": [dict(r) for r in rules]}, "\n".join(lines) or "Nothing is folded.")


def _require_reason(reason: str) -> None:
    if not reason.strip():
        raise UserError("--reason is empty: say why, it is kept with the rule.")


def _lines(file: Path | None) -> list[str]:
    assert file
    try:
        return file.read_text(encoding="utf-8-sig").split("\n")
    except OSError as problem:
        raise UserError(f"{file} cannot be read ({problem.strerror}): give a file with one value a line.") from problem
    except UnicodeDecodeError as problem:
        raise UserError(f"{file} is not in UTF-8: save it as that.") from problem


def _row(rule: Any) -> dict[str, Any]:
    return {
        "client_id": rule.client_id, "field": rule.field, "kind": rule.kind, "prefix": rule.prefix,
        "listed": len(rule.values),
    }  # fmt: skip


def _what(rule: Any) -> str:
    """The values a rule folds, in words."""
    which = {
        "values": f"{rule['listed']:,} values",
        "prefix": f"values that begin with {plain(rule['prefix'] or '')!r}",
        "all_except": f"all values but {rule['listed']:,}",
    }[rule["kind"]]
    whose = "the unknown client" if rule["client_id"] is None else plain(rule["client_name"] or str(rule["client_id"]))
    return f"{which} of {rule['field']} of {whose}"


def _cost(days: int, unreachable: int) -> str:
    cost = f"{days} days are computed again"
    if unreachable:
        cost += f", {unreachable} of them cannot be (session-days were pruned) and stay stale until accepted"
    return cost


def _say_it_takes_a_while(days: int) -> None:
    if days > _MANY_DAYS:
        typer.echo(f"Comparing {days} days with their facts …", err=True)
