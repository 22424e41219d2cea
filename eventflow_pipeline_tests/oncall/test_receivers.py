"""The syntax of EVENTFLOW_ALERTS_URLS, and how what is sent is written."""

import pytest
import requests

from eventflow_pipeline.domain.conditions import Severity
from eventflow_pipeline.errors import UserError
from eventflow_pipeline.oncall.receivers import Receiver, Sender, configured_receivers
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
