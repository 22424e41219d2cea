"""The rules of capture (S1-S7) as plain functions: cookies, request and payload in; session, first and last touch, the
fact to store, the cookies to set and the log line out. No I/O, no clock, no randomness: the caller hands those in.

``arrive`` is a page request (S3), ``visit`` and ``entry`` are the two calls (S4, S5). The same rules as
language-neutral examples lie in ``conformance/capture``; ``docs/capture.md`` says how to wire them up elsewhere.
"""

from eventflow_pipeline.capture.arrival import Arrival, arrive
from eventflow_pipeline.capture.facts import Outcome, entry, visit
from eventflow_pipeline.capture.request import CaptureRequest
from eventflow_pipeline.capture.rules import CaptureRules, SetCookie
from eventflow_pipeline.capture.touch import Attribution, Touch

__all__ = [
    "Arrival",
    "Attribution",
    "CaptureRequest",
    "CaptureRules",
    "Outcome",
    "SetCookie",
    "Touch",
    "arrive",
    "entry",
    "visit",
]
