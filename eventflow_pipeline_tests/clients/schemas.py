"""The JSON Schemas of the reading functions, and answers held against them."""

import copy
import json
from collections.abc import Iterator
from datetime import datetime
from functools import cache
from typing import Any

from jsonschema_rs import Draft202012Validator

from eventflow_pipeline.settings import project_root

SCHEMAS = project_root() / "clients" / "schemas"


def _is_instant(value: str) -> bool:
    """Spelled in UTC, as every instant in an answer is."""
    try:
        return value.endswith("+00:00") and bool(datetime.fromisoformat(value))
    except ValueError:
        return False


def schema_of(function: str) -> dict[str, Any]:
    """The schema of a reading function, by its name in the database, such as ``stats_api.get_series``."""
    schema: dict[str, Any] = json.loads((SCHEMAS / f"{function.replace('.', '/')}.json").read_text(encoding="utf-8"))
    return schema


@cache
def validator(function: str) -> Draft202012Validator:
    """What a reading function answers, formats included."""
    return Draft202012Validator(schema_of(function), validate_formats=True, formats={"date-time": _is_instant})


def objects(value: Any) -> Iterator[dict[str, Any]]:
    """Every object in a JSON value, itself included."""
    if isinstance(value, dict):
        yield value
    for inner in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        yield from objects(inner)


def nothing_is_left_open(function: str, promised: Any) -> None:
    """Wherever a property of an answer is left out, added or of another type, its schema refuses it."""
    answer = copy.deepcopy(promised)
    for changed in objects(answer):
        for key, value in list(changed.items()):
            del changed[key]
            assert not validator(function).is_valid(answer), f"without {key}"
            changed[key] = value
        changed["unheard_of"] = 1
        assert not validator(function).is_valid(answer), "with another property"
        del changed["unheard_of"]
        for key, value in list(changed.items()):
            if isinstance(value, int | float):
                changed[key] = "text"
                assert not validator(function).is_valid(answer), f"{key} is text"
                changed[key] = value
    as_promised(function, answer)


def as_promised(function: str, answer: Any) -> Any:
    """The answer, after it has been held against its schema."""
    problems = [f"{error.instance_path}: {error.message}" for error in validator(function).iter_errors(answer)]
    assert not problems, f"{function} answers otherwise than clients/schemas says: {problems[:5]}"
    return answer
