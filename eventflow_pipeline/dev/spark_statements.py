"""Writes ``sql/spark/``: the statements of ``sql/numbers/`` that a second engine runs, in the dialect of Spark SQL.

A definition is said once, in Postgres' dialect. ``python -m eventflow_pipeline.dev.spark_statements`` carries it over
by the rules below, each of which says why; what is written is committed, so that a change of a number is reviewed in
both dialects. Nothing of this is needed where days are computed. ``--check`` writes nothing and fails where a
file is not what the rules give.
"""

import sys
from collections.abc import Callable, Mapping
from pathlib import Path

import sqlglot
from sqlglot import exp
from sqlglot.dialects.spark import Spark
from sqlglot.errors import SqlglotError
from sqlglot.generators.spark import SparkGenerator

from eventflow_pipeline.errors import UserError
from eventflow_pipeline.warehouse.db.sql import full_text, sql_root

#: What a second engine computes of a day, in the order in which each reads the one before.
CARRIED = (
    "parity/exported_ids",
    "numbers/session_days",
    "numbers/cells",
    "numbers/buckets",
    "numbers/campaign_hours",
)
#: Parts of other statements: carried within these.
PARTS = ("visits", "attributed_facts", "folded_facts", "fold_rules")
#: Read what is published, or the newest facts of all days: they stay with the database that serves them.
STAYING = (
    "deficit_evidence",
    "deficits",
    "known_streams",
    "out_of_range",
    "quality",
    "quiet_and_usual",
    "redacted",
    "returns",
    "silences",
    "surface_silences",
    "webinar_5min",
    "webinar_client_daily",
    "webinar_daily",
    "webinar_entities",
    "webinar_findings",
    "webinar_owed_minutes",
    "webinar_silence",
)

_HASHES = frozenset({"fact_record_hash", "fact_hash", "attribution_hash", "id_hash", "settled_id_hash"})
#: Functions that are known to mean the same in both.
_KNOWN = (
    exp.And, exp.ArrayContains, exp.ArrayFilter, exp.ArraySize, exp.Case, exp.Cast, exp.Coalesce, exp.Count, exp.If,
    exp.Length, exp.Max, exp.Min, exp.Or, exp.RegexpSplit, exp.RowNumber, exp.Substring, exp.Sum, exp.TimestampTrunc,
)  # fmt: skip
#: Column that tells the days apart that are computed together: how many of their first instants an instant has reached.
_DAY = "day_no"
#: A grain's parameters: its name, and which keys it has. Table of grains that they become columns of.
_GRAIN, _BY = "grain", ("by_client", "by_entity", "by_link", "by_utm_source", "by_utm_medium", "by_utm_campaign")
_GRAINS = "grains"
_NUMBER = "SIZE(FILTER(CAST(SPLIT(:starts, ',') AS ARRAY<TIMESTAMP>), start -> start <= instant))"


class _NestedSpark(Spark):
    """Spark, with WITH left where it stands: hoisted, the one of a statement included twice would be there twice."""

    class Generator(SparkGenerator):
        EXPRESSIONS_WITHOUT_NESTED_CTES = set()  # noqa: RUF012


def without_fingerprints(tree: exp.Expr) -> None:
    """Postgres' hashes exist nowhere else, and detection compares with them: fingerprints stay Postgres' own."""
    for select in tree.find_all(exp.Select):
        select.set("expressions", [one for one in select.expressions if one.alias_or_name not in _HASHES])


def with_a_constant_for_fold_rules(tree: exp.Expr) -> None:
    """The count of fold rules is a parameter, so that a planner drops the half of the union that nothing comes from."""
    for subquery in list(tree.find_all(exp.Subquery)):
        if subquery.sql() == "(SELECT COUNT(*) FROM fold_rule)":
            subquery.replace(exp.Placeholder(this="fold_rules"))


def with_the_key_for_a_number(tree: exp.Expr) -> None:
    """``row_number() over ()`` numbers groups: their key does as well, and no single task has to number them all."""
    for window in list(tree.find_all(exp.Window)):
        select = window.find_ancestor(exp.Select)
        keys = select.args["group"].expressions if select and select.args.get("group") else []
        if window.sql() == "ROW_NUMBER() OVER ()" and len(keys) == 1:
            window.replace(keys[0].copy())


def with_the_number_of_the_day(tree: exp.Expr) -> None:
    """Small days are computed together: facts get the number of their day, and all that is made of them is told apart
    by it.
    """
    _number(tree)


def _number(query: exp.Expr) -> None:
    if isinstance(query, exp.Union):
        _number(query.left)
        _number(query.right)
    elif isinstance(query, exp.Select) and (number := _day_of(query)):
        is_column = isinstance(number, exp.Column)
        for join in query.args.get("joins") or ():
            if isinstance(join.this, exp.Subquery) and _day_of(join.this.this):
                _number(join.this.this)
                same = exp.EQ(this=exp.column(_DAY, join.alias_or_name), expression=number.copy())
                join.set("on", exp.and_(join.args["on"], same))
        grouped = query.args.get("group") or any(one.find(exp.AggFunc) for one in query.expressions)
        query.append("expressions", number if is_column else exp.alias_(number, _DAY))
        if grouped:
            group = query.args.get("group") or exp.Group()
            group.append("expressions", number.copy() if is_column else exp.column(_DAY))
            query.set("group", group)


def _day_of(select: exp.Select) -> exp.Expr | None:
    """What says of a row of ``select`` which day it is of; None where it is of none."""
    source = select.args["from_"].this
    if isinstance(source, exp.Table) and source.name.startswith("stage_"):
        return exp.column(_DAY, source.alias_or_name)
    if isinstance(source, exp.Subquery):
        if "occurred_at" in source.this.named_selects:
            return _number_of(exp.column("occurred_at", source.alias_or_name))
        if _DAY not in source.this.named_selects:
            _number(source.this)
        return exp.column(_DAY, source.alias_or_name) if _DAY in source.this.named_selects else None
    windows = [one for one in select.find_all(exp.GTE) if one.expression.sql() == ":window_start"]
    return _number_of(windows[0].this) if windows else None


def _number_of(instant: exp.Expr) -> exp.Expr:
    number = sqlglot.parse_one(_NUMBER, read="spark")
    for column in list(number.find_all(exp.Column)):
        if column.name == "instant":
            column.replace(instant.copy())
    return number


def with_all_grains_at_once(tree: exp.Expr) -> None:
    """A grain's parameters become columns of a table of grains: one statement, which reads the cells once for all, in
    place of one a grain. Each costs a cluster seconds, whatever there is to count.
    """
    if not any(one.name == _GRAIN for one in tree.find_all(exp.Placeholder)):
        return
    for placeholder in list(tree.find_all(exp.Placeholder)):
        select = placeholder.find_ancestor(exp.Select)
        assert select
        source = select.args["from_"].this
        alias = source.alias if isinstance(source, exp.Subquery) else _GRAINS
        placeholder.replace(exp.column(placeholder.name, alias))
    for select in tree.find_all(exp.Select):
        source = select.args["from_"].this
        if isinstance(source, exp.Table):
            select.append("joins", exp.Join(this=exp.to_table(_GRAINS), kind="CROSS"))
            columns = [exp.column(name, _GRAINS) for name in (_GRAIN, *_BY)]
            select.set("expressions", [*select.expressions, *columns])
        else:
            columns = [exp.column(_GRAIN, source.alias)]
        if select.args.get("group"):
            select.args["group"].set("expressions", [*select.args["group"].expressions, *columns])


def without_schema(tree: exp.Expr) -> None:
    """What is exported are views of the session; their schema is in the name, so that no WITH is named like one."""
    for table in tree.find_all(exp.Table):
        if table.db == "stats":
            table.set("this", exp.to_identifier(f"stats_{table.name}"))
        elif table.db:
            raise UserError(f"{table.sql()} is of neither stats nor the stage")
        table.set("db", None)


def without_storage(tree: exp.Expr) -> None:
    """The order of the rows and a fence for the planner are matters of how Postgres stores and plans."""
    tree.set("order", None)
    for select in tree.find_all(exp.Select):
        offset = select.args.get("offset")
        if offset and offset.expression.name == "0":
            select.set("limit", None)
            select.set("offset", None)


def with_lists_as_text(tree: exp.Expr) -> None:
    """A list of ids is one parameter of text, ids separated by commas: Spark takes no array as a parameter."""
    for equal in list(tree.find_all(exp.EQ)):
        if isinstance(equal.expression, exp.Any):
            (placeholder,) = equal.expression.find_all(exp.Placeholder)
            ids = exp.func("split", placeholder.copy(), exp.Literal.string(","), dialect="spark")
            equal.replace(exp.ArrayContains(this=ids, expression=equal.this.copy()))


def with_hours_of_the_session(tree: exp.Expr) -> None:
    """The engine's session is in UTC (T2), and its ``date_trunc`` takes no zone."""
    for truncated in tree.find_all(exp.TimestampTrunc):
        zone = truncated.args.get("zone")
        if zone is None or zone.name != "UTC":
            raise UserError(f"{truncated.sql('postgres')} names no UTC.")
        truncated.set("zone", None)


RULES: tuple[Callable[[exp.Expr], None], ...] = (
    without_fingerprints,
    with_a_constant_for_fold_rules,
    with_the_key_for_a_number,
    with_the_number_of_the_day,
    with_all_grains_at_once,
    without_schema,
    without_storage,
    with_lists_as_text,
    with_hours_of_the_session,
)


def carried(name: str, text: str) -> str:
    """Postgres' ``text`` of the statement ``name`` in Spark's dialect. Raises UserError where no rule carries it.

    Accepted is not equal: that both say the same number only the comparison of what they compute tells.
    """
    try:
        tree = sqlglot.parse_one(text, read="postgres")
        for rule in RULES:
            rule(tree)
        _require_known(tree)
        body = _NestedSpark().generate(
            tree, pretty=True, comments=False, unsupported_level=sqlglot.ErrorLevel.RAISE, copy=True
        )
    except (SqlglotError, UserError) as problem:
        reason = str(problem).splitlines()[0]
        raise UserError(
            f"{name} cannot be carried to Spark ({reason}): write it in SQL that both know, or add a rule to "
            "eventflow_pipeline/dev/spark_statements.py."
        ) from problem
    return f"-- {name} for Spark SQL, written by python -m eventflow_pipeline.dev.spark_statements.\n{body}\n"


def _require_known(tree: exp.Expr) -> None:
    """Raise UserError for what would be written as it is, whether or not Spark knows it."""
    for node in tree.find_all(exp.Func, exp.Any, exp.Values, exp.DataType):
        of_a_schema = isinstance(node, exp.DataType) and node.this is exp.DataType.Type.USERDEFINED
        if of_a_schema or not isinstance(node, (*_KNOWN, exp.DataType)):
            raise UserError(f"{node.sql('postgres')} has no rule")
    for window in tree.find_all(exp.Window):
        if not window.args.get("order"):
            raise UserError(f"{window.sql('postgres')} names no order")


def written(root: Path | None = None) -> Mapping[str, str]:
    """Text of every file of ``sql/spark/`` by its name, from ``sql/numbers/`` under ``root`` (default ``sql/``).

    Raises UserError where a statement cannot be carried, or is neither carried nor named as staying.
    """
    there = {file.stem for file in ((root or sql_root()) / "numbers").glob("*.sql")}
    for name in sorted(there - {*(name.rpartition("/")[2] for name in CARRIED), *PARTS, *STAYING}):
        raise UserError(
            f"numbers/{name} is neither carried to Spark nor named as staying: say which in "
            "eventflow_pipeline/dev/spark_statements.py."
        )
    return {name.rpartition("/")[2]: carried(name, full_text(name, root)) for name in CARRIED}


def main(arguments: list[str]) -> int:
    """Write the files, or with ``--check`` compare them; 1 where one differs or a statement cannot be carried."""
    folder = sql_root() / "spark"
    try:
        texts = written()
    except UserError as problem:
        print(problem, file=sys.stderr)
        return 1
    there = {file.stem: file.read_text(encoding="utf-8") for file in folder.glob("*.sql")}
    if "--check" in arguments:
        for name in sorted(name for name in texts.keys() | there.keys() if texts.get(name) != there.get(name)):
            print(f"sql/spark/{name}.sql is not what sql/ says: run make format.", file=sys.stderr)
        return int(texts != there)
    folder.mkdir(exist_ok=True)
    for name in there.keys() - texts.keys():
        (folder / f"{name}.sql").unlink()
    for name, text in texts.items():
        (folder / f"{name}.sql").write_text(text, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
