"""The application against its own OpenAPI description: whatever is sent, a described, well-formed answer."""

from collections.abc import Iterator
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, given
from hypothesis import settings as examples
from pydantic import SecretStr
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from eventflow_pipeline_tests.capture.serving import Serving, capture_settings
from eventflow_pipeline_tests.databases import Database


@pytest.fixture
def api(database: Database) -> Iterator[Any]:
    settings = capture_settings(database.settings, jwt_secret=SecretStr("x" * 32))
    with Serving(settings) as app:
        yield schemathesis.openapi.from_url(f"{app.url}/openapi.json")


def _check(operation: Any, check: Any) -> None:
    """Generated requests of one operation, well-formed and not, each given to ``check``."""
    valid, hostile = (operation.as_strategy(generation_mode=mode) for mode in GenerationMode)
    few = examples(max_examples=25, deadline=None, database=None, suppress_health_check=list(HealthCheck))
    few(given(case=valid | hostile)(lambda case: check(case)))()


@pytest.mark.parametrize("path", ["/visit", "/entry", "/presence"])
def test_calls_answer_as_described(api: Any, path: str) -> None:
    described = (
        not_a_server_error,
        status_code_conformance,
        content_type_conformance,
        response_schema_conformance,
    )

    def check(case: Any) -> None:
        answer = case.call()
        case.validate_response(answer, checks=described)
        said = answer.json()
        assert said.get("reason") != "internal error"
        # Whatever an object holds, it is a fact or a dead letter; only presence may refuse one.
        assert said["accepted"] or path == "/presence" or answer.status_code in (400, 413), said

    _check(api[path]["POST"], check)


@pytest.mark.parametrize("path", ["/l/{key}", "/l/{client_id}/{key}", "/health", "/ready"])
def test_links_and_health_never_fail(api: Any, path: str) -> None:
    def check(case: Any) -> None:
        answer = case.call(allow_redirects=False)
        assert answer.status_code in (200, 302, 404), answer.status_code

    _check(api[path]["GET"], check)
