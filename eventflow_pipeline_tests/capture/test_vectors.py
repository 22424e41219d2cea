"""The language-neutral examples in conformance/capture, run against the library."""

import hashlib
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote_plus

import psycopg
import pytest

from eventflow_pipeline.capture import CaptureRequest, CaptureRules, SetCookie, arrive, entry, visit
from eventflow_pipeline.capture.cookies import cookie_pairs, scope, sign, verify
from eventflow_pipeline.capture.query import query_pairs
from eventflow_pipeline.capture.times import instant, near
from eventflow_pipeline.domain.personal_data import REFUSED, personal_kind
from eventflow_pipeline.settings import project_root
from eventflow_pipeline_tests.databases import Database

VECTORS = project_root() / "conformance" / "capture"


def _load(name: str) -> dict[str, Any]:
    loaded: dict[str, Any] = json.loads((VECTORS / name).read_text(encoding="utf-8"))
    return loaded


def _cases() -> list[Any]:
    found = []
    for name in ("arrival.json", "visit.json", "entry.json"):
        file = _load(name)
        found += [pytest.param(name, file, case, id=f"{Path(name).stem}: {case['name']}") for case in file["cases"]]
    return found


def _names(rules: CaptureRules, path: str) -> dict[str, str]:
    suffix = scope(rules, path)
    return {
        "session": rules.session_cookie,
        "first_touch": rules.first_cookie + suffix,
        "last_touch": rules.last_cookie + suffix,
        "provisional": f"{rules.provisional_cookie}_{hashlib.sha256(path.encode()).hexdigest()[:12]}",
    }


def _signed(rules: CaptureRules, path: str, cookies: dict[str, Any]) -> dict[str, str]:
    """``label`` or ``label@path of the page that set it`` -> content, as the cookies a browser would send."""
    sent = {}
    for label, content in cookies.items():
        kind, _, other = label.partition("@")
        name = _names(rules, other or path)[kind]
        sent[name] = sign(rules, name, content)
    return sent


def _contents(rules: CaptureRules, path: str, cookies: tuple[SetCookie, ...]) -> dict[str, Any]:
    labels = {name: label for label, name in _names(rules, path).items()}
    return {labels[cookie.name]: verify(rules, cookie.name, cookie.value) for cookie in cookies if cookie.max_age}


def _endings(rules: CaptureRules, path: str, cookies: tuple[SetCookie, ...]) -> list[tuple[str, bool]]:
    """Cookies that are taken away."""
    labels = {name: label for label, name in _names(rules, path).items()}
    return [(labels[cookie.name], cookie.host_only) for cookie in cookies if not cookie.max_age]


def _sent(rules: CaptureRules, path: str, case: dict[str, Any]) -> list[tuple[str, str]]:
    """The request's cookies; of ``raw_cookie``, a header, what stands in braces is one of them."""
    signed = _signed(rules, path, case["cookies"])
    values = {label: signed[name] for label, name in _names(rules, path).items() if name in signed}
    if "raw_cookie" in case:
        return cookie_pairs(re.sub(r"\{(\w+)\}", lambda named: values[named[1]], case["raw_cookie"]))
    return [*signed.items(), *case.get("raw_cookies", {}).items()]


@pytest.mark.parametrize(("name", "file", "case"), _cases())
def test_vector(name: str, file: dict[str, Any], case: dict[str, Any]) -> None:
    rules = CaptureRules(keys=tuple(file["keys"]), **case.get("settings", {}))
    asked = case["request"]
    path = asked.get("path", "/")
    request = CaptureRequest(
        now=file["now"],
        new_session_id=file["new_session_id"],
        new_event_id=file["new_event_id"],
        path=path,
        query=[tuple(pair) for pair in asked.get("query", [])]
        or query_pairs(asked.get("raw_query", "").encode(), rules.other_encoding),
        cookies=_sent(rules, path, case),
        referrer=asked.get("referrer"),
        user_agent=asked.get("user_agent"),
        prefetch=asked.get("prefetch", False),
    )
    expected = case["expected"]
    if name == "arrival.json":
        result: Any = arrive(rules, request)
    else:
        result = (visit if name == "visit.json" else entry)(rules, request, case["payload"])
        assert result.fact == expected["fact"]
        assert result.earlier == expected.get("earlier")
    assert _contents(rules, path, result.cookies) == expected["set"]
    assert [name for name, _ in _endings(rules, path, result.cookies)] == expected.get("ended", [])
    if "problems" in expected:
        assert result.log["cookie_problems"] == expected["problems"]
    if "rejected" in expected:
        assert result.log["rejected"] == expected["rejected"]
    if name != "arrival.json":
        assert sorted(result.ignored) == expected.get("ignored", [])


@pytest.mark.parametrize("case", [pytest.param(c, id=c["name"]) for c in _load("cookies.json")["cases"]])
def test_signed_bytes(case: dict[str, Any]) -> None:
    rules = CaptureRules(keys=tuple(case["keys"]))
    if case["writes"]:
        assert sign(rules, case["cookie"], case["content"]) == case["value"]
    assert verify(rules, case["cookie"], case["value"]) == case["content"]


def _strings(value: Any) -> Iterator[str]:
    """Every text in a file of examples, names of fields included."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for name, inner in value.items():
            yield name
            yield from _strings(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _strings(inner)


@pytest.mark.parametrize("case", [pytest.param(c, id=repr(c["value"][:40])) for c in _load("personal.json")["cases"]])
def test_what_looks_personal(case: dict[str, Any]) -> None:
    assert personal_kind(case["value"]) == case["kind"]


def test_what_looks_personal_in_the_database(database: Database) -> None:
    """The same of a caller that reaches the database itself: no weaker guard, no other (S7)."""
    cases = _load("personal.json")["cases"]
    known = {case["value"]: case["kind"] for case in cases}
    for name in ("arrival", "visit", "entry", "cookies", "times", "personal"):
        for value in (text for text in _strings(_load(f"{name}.json")) if "\0" not in text):
            for written in (value, quote_plus(value), quote_plus(quote_plus(value))):
                known.setdefault(written, personal_kind(written))
    assert len(known) > 500
    with psycopg.connect(database.url) as connection:
        found = connection.execute(
            "select value, stats.personal_kind(value) from unnest(%s::text[]) value", [list(known)]
        ).fetchall()
        assert {value: kind for value, kind in found if kind != known[value]} == {}
        kept = connection.execute(
            "select value from unnest(%s::text[]) value where stats.capture_utm(to_jsonb(value)) is not null",
            [[case["value"] for case in cases]],
        ).fetchall()
    assert {value for (value,) in kept} == {c["value"] for c in cases if not c["kind"] and c["value"].strip()}


def test_the_database_has_the_same_patterns(database: Database) -> None:
    (function,) = database.rows("select prosrc from pg_proc where oid = 'stats.personal_kind(text)'::regprocedure")
    source = re.sub(r"'\n\s+'", "", function["prosrc"])
    assert re.findall(r"~\* '([^']+)' then\s+return '(\w+)'", source) == [(p, kind) for kind, p in REFUSED.items()]


def test_times() -> None:
    """The library's reading of what callers supply as a time."""
    file = _load("times.json")
    for case in file["cases"]:
        assert instant(case["value"]) == case["instant"], case["name"]
        assert (near(case["value"], file["now"]) is not None) is case["counts"], case["name"]


def test_times_in_the_database(database: Database) -> None:
    """The same of capture_visit and capture_entry, whoever connects."""
    file = _load("times.json")
    with psycopg.connect(database.url) as connection:
        connection.execute("set timezone = 'Asia/Seoul'; set datestyle = 'SQL, DMY'")
        for case in file["cases"]:
            row = connection.execute(
                "select extract(epoch from stats.capture_instant(v.value))::float8, "
                "stats.capture_time(v.value, to_timestamp(%s)) is not null from (select %s::jsonb as value) v",
                [file["now"], json.dumps(case["value"])],
            ).fetchone()
            assert row == (case["instant"], case["counts"]), case["name"]


def test_answers_name_the_times_that_do_not_count(database: Database) -> None:
    """All three of an entry, one of a visit; what is blank was not supplied."""
    fields = ("occurred_at", "completed_at", "utm_first_visit_at")
    with psycopg.connect(database.url) as connection:
        for value, told in (
            ("2026-03-02T01:00:00", True),
            (True, True),
            ({"at": 1}, True),
            (" ", False),
            (None, False),
        ):
            event = json.dumps(dict.fromkeys(fields, value) | {"campaign_id": "0c000000-0000-4000-8000-000000000001"})
            for fact, named in (("visit", fields[:1]), ("entry", fields)):
                ((answer,),) = connection.execute(f"select stats.capture_{fact}(%s)".encode(), [event]).fetchall()
                assert answer.get("ignored") == (sorted(named) if told else None), (fact, value, answer)
        campaign = {"campaign_id": "0c000000-0000-4000-8000-000000000001"}
        late = json.dumps({**campaign, "utm_first_visit_at": 1_000_000_000, "occurred_at": 1_000_000_000})
        ((answer,),) = connection.execute("select stats.capture_entry(%s)", [late]).fetchall()
        assert answer["ignored"] == ["occurred_at"], "a first visit may be years ago"
