"""The one form every call is answered in, and how it is described."""

import json
from collections.abc import Iterable
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field
from starlette.responses import Response

from eventflow_pipeline.capture import CaptureRules, SetCookie
from eventflow_pipeline.capture.rules import UNCACHED


class Answer(BaseModel):
    """Answer to every call."""

    model_config = ConfigDict(extra="forbid")

    accepted: bool = Field(
        description="False: nothing was kept; call again with the same event_id, unless it is refused."
    )
    status: Literal["stored", "duplicate", "dead_letter", "queued", "provisional", "refused"] | None = Field(
        None,
        description="stored, duplicate, dead_letter: committed. queued: in memory until the database takes it. "
        "provisional: the page was fetched ahead; it is a visit once its first call shows that somebody sees it. "
        "refused: it can be no fact, and calling again changes nothing.",
    )
    duplicate_of: Literal["event"] | None = Field(None, description="The same event again.")
    event_id: str | None = Field(None, description="Id of the event; a repeat with it is absorbed.")
    session_id: str | None = Field(None, description="The visit flow's session, for callers without cookies.")
    ignored: list[str] | None = Field(
        None,
        description="Times that were supplied and count as not supplied: no offset, or no clock near the server's.",
    )
    reason: str | None = Field(None, description="Why not, or why not yet.")


_PUBLIC = tuple(Answer.model_fields)


def answer(
    rules: CaptureRules,
    status: int,
    content: dict[str, Any],
    cookies: Iterable[SetCookie] = (),
    retry: int | None = None,
) -> Response:
    """A JSON response of the fields of ``Answer`` that are there. What else the database said stays inside."""
    shown = {name: content[name] for name in _PUBLIC if content.get(name) is not None}
    # Which table, column or constraint it was, the log knows.
    if shown.get("status") == "dead_letter":
        shown["reason"] = "refused by its table; kept"
    elif shown.get("status") == "refused" and shown["reason"][:1].isdigit():
        shown["reason"] = "refused by its table"
    elif shown.get("reason", "").startswith("storing failed"):
        shown["reason"] = "storing failed"
    response = Response(json.dumps(shown).encode(), status, media_type="application/json")
    response.headers["cache-control"] = UNCACHED
    if retry is not None:
        response.headers["retry-after"] = str(retry)
    for cookie in cookies:
        response.headers.append("set-cookie", cookie.header(rules))
    return response


def refusal(rules: CaptureRules, status: int, reason: str, retry: int | None = None) -> Response:
    """``accepted: false``, in the same form."""
    return answer(rules, status, {"accepted": False, "reason": reason}, retry=retry)
