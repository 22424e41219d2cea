"""The syntax of EVENTFLOW_ALERTS_URLS, and how what is sent is written."""

import os
import subprocess
import sys

import pytest
import requests

from eventflow_pipeline.domain.conditions import Severity
from eventflow_pipeline.errors import UserError
from eventflow_pipeline.oncall.receivers import (
    Receiver,
    Sender,
    address_problems,
    configured_receivers,
    default_receiver,
    escalation_receivers,
    receivers_of,
    require_addresses,
)
from eventflow_pipeline.settings import Settings


def _settings(urls: str | None) -> Settings:
    return Settings(alerts={"urls": urls})  # type: ignore[call-arg]


def test_routes() -> None:
    urls = (
        "json://127.0.0.1/a?x=y\n  error=json://127.0.0.1/b  team:growth+warn=json://127.0.0.1/c "
        "on@call.example=json://h/d team:growth+escalation=json://h/e"
    )
    found = configured_receivers(_settings(urls))
    assert [(r.severity, r.owner, r.scheme) for r in found] == [
        (None, None, "json"),
        (Severity.ERROR, None, "json"),
        (Severity.WARN, "team:growth", "json"),
        (None, "on@call.example", "json"),
        (None, "team:growth", "json"),
    ]
    assert [r.escalation for r in found] == [False] * 4 + [True]
    assert escalation_receivers(found, "team:other") == escalation_receivers(found, "team:growth") == (found[4],)
    assert found[4] not in receivers_of(found, Severity.ERROR, "team:growth") + default_receiver(found)
    assert configured_receivers(_settings(None)) == ()


@pytest.mark.parametrize(
    ("urls", "named", "good"),
    [
        ("json://127.0.0.1 nonsense://top-secret", "entry 2", 1),
        ("https//top-secret", "entry 1", 0),
        ("fatal=json://top-secret json://127.0.0.1", "unknown route in entry 1", 1),
    ],
)
def test_what_is_wrong_is_named_without_the_address_and_the_rest_is_used(urls: str, named: str, good: int) -> None:
    settings = _settings(urls)
    with pytest.raises(UserError, match=named) as refused:
        require_addresses(settings)
    assert "top-secret" not in str(refused.value)
    assert address_problems(settings) == (str(refused.value),)
    assert len(configured_receivers(settings)) == good


def test_nothing_starts_with_a_bad_address() -> None:
    """Each process reads the list when it starts; the sensors' would be silent."""
    code = "import eventflow_pipeline.definitions"
    environment = {**os.environ, "EVENTFLOW_ALERTS_URLS": "slack:/typo"}
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True)
    assert done.returncode
    assert "EVENTFLOW_ALERTS_URLS cannot be used: entry 1" in done.stderr


def test_a_receiver_that_takes_markup_gets_text(monkeypatch: pytest.MonkeyPatch) -> None:
    """What would be sent to Telegram, whose server is not ours to ask."""
    sent: list[str] = []

    def post(*_: object, **request: object) -> requests.Response:
        sent.append(str(request["data"]))
        answer = requests.Response()
        answer.status_code = 200
        return answer

    monkeypatch.setattr(requests, "post", post)
    receiver = Receiver("tgram://123456789:abcdefg_hijklmnop/12315544/")
    assert Sender(0).send(receiver, "a < b", "client <a href=https://evil.example>pay</a>", Severity.ERROR)
    assert "&lt;a href" in sent[-1]
    assert "<a href" not in sent[-1]
