"""Properties of the rules: whatever comes in, nothing raises, nothing is mixed, nothing personal passes."""

import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import settings as examples
from hypothesis import strategies as st

from eventflow_pipeline.capture import CaptureRequest, CaptureRules, Touch, arrive, entry, visit
from eventflow_pipeline.capture.cookies import scope, sign, verify
from eventflow_pipeline.capture.touch import UTM, Attribution
from eventflow_pipeline.domain.personal_data import personal_kind
from eventflow_pipeline.errors import UserError
from eventflow_pipeline.settings import Settings

RULES = CaptureRules(keys=("key-of-properties-1",))
NOW = 1_772_413_200.25
COOKIES = ("ef_session", "ef_first_touch", "ef_last_touch", "ef_provisional_8a5edab28263")
FIELDS = (*UTM, "cid", "link_id")
LINK = "0a000000-0000-4000-8000-000000000001"

_values = st.sampled_from(
    ["naver", "kakao", "cpc", "spring", "봄", "", " ", "x" * 300, "kim@mail.example", "01012345678"]
)
_supplied = st.dictionaries(st.sampled_from(FIELDS), _values | st.just(LINK), max_size=7)
_junk = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=40),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=5,
)
_payloads = st.dictionaries(
    st.sampled_from([*FIELDS, "session_id", "event_id", "campaign_id", "referrer", "surface", "registration_data"])
    | st.text(),
    _junk | _values,
    max_size=8,
)


def _request(**changes: Any) -> CaptureRequest:
    return CaptureRequest(now=NOW, new_session_id="new-session", new_event_id=LINK, **changes)


def _last_touch(supplied: dict[str, str], age: int) -> tuple[Attribution, list[tuple[str, str]]]:
    attribution, _ = Attribution.read(supplied, RULES.link_parameters)
    touch = Touch(attribution, int(NOW) - age)
    return attribution, [(RULES.last_cookie, sign(RULES, RULES.last_cookie, touch.content()))]


@examples(max_examples=200, deadline=None)
@given(
    payload=_payloads,
    cookies=st.lists(st.tuples(st.sampled_from(COOKIES), st.text())),
)
def test_nothing_raises_and_a_fact_always_has_its_ids(payload: dict[str, Any], cookies: list[tuple[str, str]]) -> None:
    for rule in (visit, entry):
        outcome = rule(RULES, _request(cookies=cookies), payload)
        assert outcome.fact
        assert outcome.fact["session_id"] == outcome.session_id
        assert len(outcome.fact["event_id"]) == 36
        for name in UTM:
            assert personal_kind(outcome.fact.get(name, "")) is None


@examples(max_examples=200, deadline=None)
@given(payload=_supplied, remembered=_supplied, age=st.sampled_from([0, 100, RULES.trust_seconds + 1]))
def test_attribution_is_one_arrivals(payload: dict[str, Any], remembered: dict[str, str], age: int) -> None:
    supplied, _ = Attribution.read(payload, RULES.link_parameters)
    last, cookies = _last_touch(remembered, age)
    outcome = visit(RULES, _request(cookies=cookies), payload)
    assert outcome.fact
    found = {name: outcome.fact[name] for name in FIELDS if name in outcome.fact}
    assert found in (supplied.supplied(), last.supplied())
    assert found.items() >= supplied.supplied().items()
    if age > RULES.trust_seconds:
        assert found == supplied.supplied()


@examples(max_examples=100, deadline=None)
@given(first=_supplied, others=st.lists(_supplied, max_size=4))
def test_the_first_touch_never_changes_and_the_last_follows(
    first: dict[str, str], others: list[dict[str, str]]
) -> None:
    jar: dict[str, str] = {}
    arrivals = []
    for supplied in (first, *others):
        arrival = arrive(RULES, _request(cookies=list(jar.items()), query=list(supplied.items())))
        jar |= {cookie.name: cookie.value for cookie in arrival.cookies}
        if carried := Attribution.read(supplied, RULES.link_parameters)[0]:
            arrivals.append(carried)
    assert (arrival.first.attribution if arrival.first else None) == (arrivals[0] if arrivals else None)
    assert (arrival.last.attribution if arrival.last else None) == (arrivals[-1] if arrivals else None)
    assert arrival.session_id == "new-session"


@examples(max_examples=60, deadline=None)
@given(text=st.text(min_size=150, max_size=400))
def test_a_browser_keeps_every_cookie(text: str) -> None:
    query = [(name, f"{number}{text}") for number, name in enumerate(UTM)]
    for cookie in arrive(RULES, _request(query=query, referrer=f"https://{'a' * 60}.example/")).cookies:
        assert len(cookie.header(RULES)) <= 4096
        assert cookie.header(RULES).isascii()
        assert isinstance(verify(RULES, cookie.name, cookie.value), dict)


@examples(max_examples=100, deadline=None)
@given(position=st.integers(0, 200), letter=st.sampled_from("Aa0.-_é"))
def test_a_cookie_changed_anywhere_is_not_believed(position: int, letter: str) -> None:
    value = sign(RULES, "ef_session", {"at": int(NOW), "id": "s1"})
    place = position % len(value)
    changed = value[:place] + letter + value[place + 1 :]
    if changed != value and place != len(value) - 1:  # the last character's spare bits carry nothing
        assert isinstance(verify(RULES, "ef_session", changed), str)


@pytest.mark.parametrize("segments", [1, 2, 3])
def test_no_two_tenants_share_a_cookie(segments: int) -> None:
    """However their paths are put together, and whatever their names hold."""
    rules = CaptureRules(keys=RULES.keys, scope_segments=segments)
    paths = ("/a/b", "/a-b", "/A/B", "/a.b", "/a/b-c", "/a-b/c", "/a/b/c", "/a-b-c", "/a--b", "/%61/b", "/가/b", "/a_b")
    tenants = {tuple(part for part in path.split("/") if part)[:segments] for path in paths}
    assert len({scope(rules, path) for path in paths}) == len(tenants)
    assert scope(rules, "/spring-2026") == "_spring-2026"
    assert scope(rules, "/") == ""
    assert all(re.fullmatch(r"[a-z0-9._-]{0,41}", scope(rules, path)) for path in (*paths, "/" + "x" * 500))


@pytest.mark.parametrize("keys", [None, "", "short", "long-enough-key-0001,short"])
def test_keys_must_be_usable(keys: str | None) -> None:
    settings = Settings(capture={"keys": keys})
    with pytest.raises(UserError, match=r"^EVENTFLOW_CAPTURE_KEYS must"):
        _ = settings.capture_rules
