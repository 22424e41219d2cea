"""Whatever is looked at for personal data takes time in proportion to its length (S7), in the process and in SQL.

Judged by the CPU time of a process that is ended at a limit: what takes the square of the length needs minutes for one
of these texts, what does not a few hundredths of a second, whatever else the machine does.
"""

import multiprocessing
import resource
from collections.abc import Callable

import psycopg
import pytest

from eventflow_pipeline.capture import CaptureRequest, CaptureRules, arrive
from eventflow_pipeline.capture.text import origin, surface
from eventflow_pipeline.domain.normalization import normalize_cid, normalize_session, normalize_utm
from eventflow_pipeline.domain.personal_data import EMAIL, PHONE, looks_personal, personal_kind, redact
from eventflow_pipeline_tests.databases import Database

LENGTH = 100_000
_PARTS = {
    "letters": "a", "digits and dashes": "0-0-", "short addresses": "a@", "addresses without end": "a@" + "." * 190,
    "long local parts": "a" * 64 + "@", "percent signs": "%25", "encoded addresses": "a%40" + ".1" * 95, "pluses": "+",
    "international numbers": "+1 11", "mobile numbers": "010-", "brackets": "+1(1", "placeholders": "{ name",
    "a placeholder of blanks": "{" + " " * LENGTH, "a name and blanks": "name" + " " * LENGTH, "blanks": " a",
    "marks": "a" + "\u0301\u0323" * LENGTH,
}  # fmt: skip
HOSTILE = {name: (part * (LENGTH // len(part) + 1))[:LENGTH] for name, part in _PARTS.items()}
_SECONDS = 20


def _limited(work: Callable[[str], object]) -> None:
    resource.setrlimit(resource.RLIMIT_CPU, (_SECONDS, _SECONDS))
    for text in HOSTILE.values():
        work(text)


def _arrive(text: str) -> object:
    rules = CaptureRules(keys=("key-of-bounds-0001",))
    query = [(name, text) for name in ("utm_source", "utm_medium", "utm_campaign", "cid", "link_id")]
    return arrive(rules, CaptureRequest(0.0, "s", "e", path=f"/{text}", query=query, referrer=f"https://{text}/"))


@pytest.mark.parametrize(
    "work",
    [
        redact, looks_personal, personal_kind, origin, surface, normalize_utm, normalize_session,
        normalize_cid, _arrive,
    ],
)  # fmt: skip
def test_in_the_process(work: Callable[[str], object]) -> None:
    child = multiprocessing.get_context("fork").Process(target=_limited, args=(work,))
    child.start()
    child.join()
    assert child.exitcode == 0, f"ended after {_SECONDS} s of CPU"


def test_in_sql(database: Database) -> None:
    with psycopg.connect(database.url) as connection:
        connection.execute("set statement_timeout = '60s'")
        for text in HOSTILE.values():
            connection.execute("select %s ~* %s", (text, f"{EMAIL}|{PHONE}"))
            connection.execute(
                "insert into event_access_logs (campaign_id, session_id, referrer, utm_source) "
                "values (gen_random_uuid(), 's', %s, %s)",
                (f"https://{text}", text),
            )
            connection.execute("select referrer_host, utm_source from stats.visit_facts")
            connection.execute(
                "select stats.capture_visit(jsonb_build_object('utm_source', t, 'cid', t, 'session_id', t, "
                "'surface', t, 'referrer', t, 'event_id', t, 'occurred_at', t)) from (select %s::text) x (t)",
                (text,),
            )


@pytest.mark.parametrize("host", ["a" * 300 + ".example", "a" * 253, "kim@" + "b" * 300, "x" * 5_000])
def test_of_a_referrer_no_more_than_a_host_may_be_long(host: str) -> None:
    kept = origin(f"https://{host}/path?q=1")
    assert kept is not None
    assert len(kept) <= len("https://") + 253


def test_an_e_mail_address_goes_with_the_whole_word() -> None:
    for word in (
        "a" * 500 + "@mail.example",
        "kim%40mail.example",
        "a@b@mail.example",
        "x@" + "b" * 100 + ".example.co.kr",
    ):
        assert redact(f"told <{word}>, then") == "told <[redacted]>, then"
