"""clients/schemas says what the reading functions answer: all of it and nothing else."""

import json
import re
from typing import Any

import psycopg
import pytest

from eventflow_pipeline.settings import project_root
from eventflow_pipeline_tests.clients.schemas import SCHEMAS, as_promised, nothing_is_left_open, objects, schema_of
from eventflow_pipeline_tests.databases import Database

FUNCTIONS = sorted(f"{path.parent.name}.{path.stem}" for path in SCHEMAS.glob("*/*.json"))
_TESTS = project_root() / "eventflow_pipeline_tests"
#: The screens' answers as they were read last, their time replaced.
SNAPSHOTS = {
    **{
        (path.stem, "public." + re.sub(r".*-|\]", "", path.stem)): path
        for path in (_TESTS / "warehouse/schema/__snapshots__/test_screens").glob("test_screens[[]*.json")
    },
    ("drill-down", "public.get_campaign_visits_raw"): _TESTS
    / "warehouse/schema/__snapshots__/test_screens/test_the_drill_down.json",
    ("webinar", "public.get_webinar_stats"): _TESTS
    / "webinar/__snapshots__/test_reads/test_the_answer_is_what_it_was.json",
}
#: Postgres' types as they are in JSON.
_JSON_TYPES = {
    "uuid": ("string", "uuid"), "date": ("string", "date"), "timestamp with time zone": ("string", "date-time"),
    "text": ("string", None), "integer": ("integer", None), "bigint": ("integer", None), "numeric": ("number", None),
}  # fmt: skip


def _snapshot(name: str, function: str) -> Any:
    answer = json.loads(SNAPSHOTS[name, function].read_text(encoding="utf-8"))
    return answer if function == "public.get_campaign_visits_raw" else {**answer, "as_of": "2024-03-03T15:05:00+00:00"}


@pytest.mark.parametrize(("name", "function"), SNAPSHOTS)
def test_snapshots_are_as_promised(name: str, function: str) -> None:
    as_promised(function, _snapshot(name, function))


@pytest.mark.parametrize(
    ("name", "function"), [key for key in SNAPSHOTS if "traffic" not in key[0] and "platform" not in key[0]]
)
def test_a_property_more_or_less_fails(name: str, function: str) -> None:
    nothing_is_left_open(function, _snapshot(name, function))


@pytest.mark.parametrize("function", FUNCTIONS)
def test_schemas_leave_nothing_open(function: str) -> None:
    schema = schema_of(function)
    for part in objects(schema):
        if part.get("type") == "object":
            assert part["additionalProperties"] is False
            if part is not schema["$defs"]["Arguments"]:
                assert part["required"] == list(part["properties"])


def test_every_documented_reading_function_has_a_schema() -> None:
    """Those of stats_api are the functions there are (test_stats_api)."""
    documented = set()
    for page in ("reads.md", "reads-webinar.md"):
        text = (project_root() / "docs" / page).read_text(encoding="utf-8")
        documented |= set(re.findall(r"^## (?:SQL|RPC|Screen): `((?:\w+\.)?\w+)\(", text, re.MULTILINE))
    assert {schema_of(function)["title"] for function in FUNCTIONS} == set(FUNCTIONS)
    found = {function for function in FUNCTIONS if not function.startswith("stats_api.")}
    assert {name if "." in name else f"public.{name}" for name in documented} == found


def test_parameters_and_rows_are_those_of_the_functions(database: Database) -> None:
    with psycopg.connect(database.url) as connection:
        for function in FUNCTIONS:
            schema = schema_of(function)
            namespace, name = function.split(".")
            # Of two with one name the longer: the other is a part of it, its last parameter left out.
            rows = connection.execute(
                "select pronargs - pronargdefaults, proargnames, proargmodes, "
                "       array(select format_type(t, null) from unnest(coalesce(proallargtypes, proargtypes)) t), "
                "       lag(pronargs) over (order by pronargs) "
                "from pg_proc where proname = %s and pronamespace = %s::regnamespace order by pronargs desc limit 1",
                [name, namespace],
            ).fetchall()
            ((required, names, modes, types, shorter),) = rows
            modes = modes or [b"i"] * len(names)
            parameters = [name for name, mode in zip(names, modes, strict=True) if mode in (b"i", "i")]
            assert list(schema["$defs"]["Arguments"]["properties"]) == parameters, function
            expected = parameters[: required if shorter is None else shorter]
            assert schema["$defs"]["Arguments"]["required"] == expected, function
            columns = [(n, t) for n, m, t in zip(names, modes, types, strict=True) if m in (b"t", "t")]
            if columns:
                row = schema["$defs"][schema["items"]["$ref"].removeprefix("#/$defs/")]["properties"]
                promised = [(n, ([p["type"]] if isinstance(p["type"], str) else p["type"])[0], p.get("format")) for n, p in row.items()]  # fmt: skip # noqa: E501
                assert promised == [(n, *_JSON_TYPES[t]) for n, t in columns], function
