"""PagerDuty, Opsgenie and Alertmanager on loopback, as their published formats say."""

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import jsonschema

_TEXT = {"type": "string"}


def _object(required: list[str], **properties: Any) -> dict[str, Any]:
    return {"type": "object", "required": required, "properties": properties, "additionalProperties": False}


def _most(length: int) -> dict[str, Any]:
    return {"type": "string", "minLength": 1, "maxLength": length}


#: developer.pagerduty.com, Events API v2, "Send an alert event".
_PAGERDUTY = _object(
    ["routing_key", "event_action"],
    routing_key={"type": "string", "pattern": "^[A-Za-z0-9]{32}$"},
    event_action={"enum": ["trigger", "acknowledge", "resolve"]},
    dedup_key=_most(255),
    payload=_object(
        ["summary", "source", "severity"],
        summary=_most(1024), source=_TEXT, severity={"enum": ["critical", "error", "warning", "info"]},
        timestamp={"type": "string", "format": "date-time"}, component=_TEXT, group=_TEXT,
        **{"class": _TEXT}, custom_details={"type": "object"},
    ),
    client=_TEXT, client_url=_TEXT, links={"type": "array", "items": _object(["href"], href=_TEXT, text=_TEXT)},
    images={"type": "array"},
)  # fmt: skip
#: docs.opsgenie.com, Alert API, "Create Alert" and the requests by alias.
_OPSGENIE = {
    "create": _object(
        ["message"],
        message=_most(130), alias=_most(512), description=_most(15_000), entity={"type": "string", "maxLength": 512},
        source=_most(100), priority={"enum": ["P1", "P2", "P3", "P4", "P5"]}, user=_most(100), note=_most(25_000),
        tags={"type": "array", "maxItems": 20, "items": _most(50)},
        details={"type": "object", "additionalProperties": _TEXT},
    ),
    "answer": _object([], user=_most(100), source=_most(100), note=_most(25_000)),
}  # fmt: skip
#: github.com/prometheus/alertmanager, api/v2/openapi.yaml, postableAlerts.
_LABELS = {"type": "object", "additionalProperties": _TEXT}
_ALERTMANAGER = {
    "type": "array",
    "items": _object(
        ["labels"], labels=_LABELS, annotations=_LABELS, generatorURL={"type": "string", "format": "uri"},
        startsAt={"type": "string", "format": "date-time"}, endsAt={"type": "string", "format": "date-time"},
    ),
}  # fmt: skip


class Service:
    """Answers as the three services do: accepts what fits the published format and refuses everything else."""

    def __init__(self) -> None:
        self.taken: list[tuple[str, Any]] = []
        self.refused: list[str] = []
        service = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                path, _, query = self.path.partition("?")
                try:
                    assert self.headers["Content-Type"] == "application/json"
                    if path == "/v2/enqueue":
                        jsonschema.validate(body, _PAGERDUTY, format_checker=jsonschema.FormatChecker())
                        assert body["event_action"] != "trigger" or "payload" in body
                        assert body["event_action"] == "trigger" or body["dedup_key"]
                    elif path == "/api/v2/alerts":
                        jsonschema.validate(body, _ALERTMANAGER, format_checker=jsonschema.FormatChecker())
                    else:
                        assert self.headers["Authorization"] == "GenieKey the-key"
                        kind = "create" if path == "/v2/alerts" else "answer"
                        jsonschema.validate(body, _OPSGENIE[kind])
                        assert kind == "create" or query == "identifierType=alias"
                    service.taken.append((path, body))
                    self.send_response(202)
                except (AssertionError, jsonschema.ValidationError) as problem:
                    service.refused.append(f"{path}: {problem}")
                    self.send_response(400)
                self.end_headers()

            def log_message(self, *_: Any) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.host = f"127.0.0.1:{self._server.server_address[1]}"
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()

    def stop(self) -> None:
        """Refuse connections."""
        self._server.shutdown()
        self._server.server_close()
