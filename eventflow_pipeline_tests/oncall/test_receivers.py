"""The syntax of EVENTFLOW_ALERTS_URLS."""

import pytest

from eventflow_pipeline.domain.conditions import Severity
from eventflow_pipeline.errors import UserError
from eventflow_pipeline.oncall.receivers import configured_receivers
from eventflow_pipeline.settings import Settings


def _settings(urls: str | None) -> Settings:
    return Settings(alerts={"urls": urls})  # type: ignore[call-arg]


def test_routes() -> None:
    urls = "json://127.0.0.1/a?x=y\n  error=json://127.0.0.1/b  team:growth+warn=json://127.0.0.1/c on@call.example=json://h/d"
    found = configured_receivers(_settings(urls))
    assert [(r.severity, r.owner, r.scheme) for r in found] == [
        (None, None, "json"),
        (Severity.ERROR, None, "json"),
        (Severity.WARN, "team:growth", "json"),
        (None, "on@call.example", "json"),
    ]
    assert configured_receivers(_settings(None)) == ()


@pytest.mark.parametrize(
    ("urls", "named"),
    [
        ("json://127.0.0.1 nonsense://top-secret", "entry 2"),
        ("https//top-secret", "entry 1"),
        ("fatal=json://top-secret", "unknown route in entry 1"),
    ],
)
def test_what_is_wrong_is_named_without_the_address(urls: str, named: str) -> None:
    with pytest.raises(UserError, match=named) as refused:
        configured_receivers(_settings(urls))
    assert "top-secret" not in str(refused.value)
