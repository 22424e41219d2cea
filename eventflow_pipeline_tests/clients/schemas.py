"""The JSON Schemas of the reading functions, and answers held against them."""

import json
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
    """The schema of a reading function, by its name without schema."""
    schema: dict[str, Any] = json.loads((SCHEMAS / f"{function}.json").read_text(encoding="utf-8"))
    return schema


@cache
def validator(function: str) -> Draft202012Validator:
    """What a reading function answers, formats included."""
    return Draft202012Validator(schema_of(function), validate_formats=True, formats={"date-time": _is_instant})


def as_promised(function: str, answer: Any) -> Any:
    """The answer, after it has been held against its schema."""
    problems = [f"{error.instance_path}: {error.message}" for error in validator(function).iter_errors(answer)]
    assert not problems, f"{function} answers otherwise than clients/schemas says: {problems[:5]}"
    return answer
