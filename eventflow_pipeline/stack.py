"""Dagster's own webserver and daemon as child processes, on loopback, and their GraphQL API."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from tenacity import retry, retry_if_exception_type, stop_after_attempt, wait_fixed

from eventflow_pipeline.errors import UserError

HOST = "127.0.0.1"
_JSON_LINES = ("--log-format", "json")
_READY_SECONDS = 90
_STOP_SECONDS = 15
_ENVIRONMENT = {
    # The hourly sweep compares months of facts while its schedule is evaluated.
    "DAGSTER_SCHEDULE_GRPC_TIMEOUT_SECONDS": "300",
    "PYTHONWARNINGS": "ignore",
}


def free_port(wanted: int | None = None) -> int:
    """``wanted`` if it can be bound on loopback, else any free port when none is wanted. Raises UserError."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, wanted or 0))
        except OSError as problem:
            raise UserError(
                f"Port {wanted} on {HOST} cannot be used ({problem.strerror}): choose another with --port, or leave "
                "it out for a free one."
            ) from problem
        return int(probe.getsockname()[1])


class GraphqlError(Exception):
    """Dagster took a query and could not answer it."""


def _body(problem: urllib.error.HTTPError) -> dict[str, Any]:
    try:
        return dict(json.load(problem))
    except ValueError:
        return {"errors": [{"message": f"{problem.code} {problem.reason}"}]}


class DagsterStack:
    """Webserver and daemon, started with Dagster's own commands; leaving the block stops both.

    The environment must already name the databases and DAGSTER_HOME (see ``local.environment``).
    """

    def __init__(self, workspace: Path, logs: Path, port: int) -> None:
        self.url = f"http://{HOST}:{port}"
        self._logs = logs
        self._commands = {
            "dagster-webserver": ("-h", HOST, "-p", str(port), "-w", str(workspace), *_JSON_LINES),
            "dagster-daemon": ("run", "-w", str(workspace), *_JSON_LINES),
        }
        self._children: dict[str, subprocess.Popen[bytes]] = {}

    def __enter__(self) -> Self:
        self._logs.mkdir(parents=True, exist_ok=True)
        try:
            for command in self._commands:
                self._start(command)
            self._await_ready()
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, problem: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def _start(self, command: str, *, again: bool = False) -> None:
        executable = Path(sys.executable).with_name(command)
        with (self._logs / f"{command}.log").open("ab" if again else "wb") as log:
            self._children[command] = subprocess.Popen(
                [str(executable), *self._commands[command]],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                env={**os.environ, **_ENVIRONMENT},
                start_new_session=True,
                # Dagster copies an ignored SIGINT to SIGTERM, and could then not be stopped.
                preexec_fn=_default_signals,  # noqa: PLW1509
            )

    def _await_ready(self) -> None:
        """Wait until the webserver answers and has loaded the assets."""
        deadline = time.monotonic() + _READY_SECONDS
        while True:
            self.require_alive()
            try:
                entries = self.graphql(_LOCATIONS)["workspaceOrError"].get("locationEntries", [])
                loaded = [entry["locationOrLoadError"] for entry in entries]
                for broken in (location for location in loaded if location and "message" in location):
                    raise UserError(f"Dagster cannot load the definitions: {broken['message'].splitlines()[0]}")
                if loaded and all(loaded):
                    return
            except (GraphqlError, urllib.error.URLError, ConnectionError, TimeoutError):
                pass
            if time.monotonic() > deadline:
                raise UserError(
                    f"Dagster did not come up within {_READY_SECONDS} s: see {self._logs}/dagster-webserver.log."
                )
            time.sleep(0.3)

    def require_alive(self) -> None:
        """Raise UserError, naming the log, when a child has ended by itself."""
        for command, child in self._children.items():
            if child.poll() is not None:
                raise UserError(f"{command} ended with status {child.returncode}: see {self._logs}/{command}.log.")

    def revive(self) -> list[str]:
        """Start again what has ended by itself, as a supervisor does; returns the commands."""
        dead = [command for command, child in self._children.items() if child.poll() is not None]
        for command in dead:
            _signal_group(self._children[command], signal.SIGKILL)  # a code server outlives its daemon for a while
            self._start(command, again=True)
        return dead

    def pid(self, command: str) -> int:
        """Process id of a child, the leader of its own process group."""
        return self._children[command].pid

    def graphql(self, query: str, **variables: Any) -> dict[str, Any]:
        """Data of a GraphQL answer. Raises GraphqlError with the first error, or URLError when nobody answers."""
        request = urllib.request.Request(  # noqa: S310
            f"{self.url}/graphql",
            json.dumps({"query": query, "variables": variables}).encode(),
            {"Content-Type": "application/json"},
        )
        try:
            with urllib.request.urlopen(request, timeout=30) as response:  # noqa: S310
                answer = json.load(response)
        except urllib.error.HTTPError as problem:  # what Dagster could not do stands in the body
            answer = _body(problem)
        if answer.get("errors"):
            raise GraphqlError(answer["errors"][0]["message"].splitlines()[0])
        return dict(answer["data"])

    def stop(self) -> None:
        """Stop everything that was started, politely first."""
        for child in self._children.values():
            _signal_group(child, signal.SIGTERM)
        deadline = time.monotonic() + _STOP_SECONDS
        for child in self._children.values():
            with suppress(subprocess.TimeoutExpired):
                child.wait(max(0.1, deadline - time.monotonic()))
            _signal_group(child, signal.SIGKILL)
            child.wait()
        self._children.clear()


def _default_signals() -> None:
    for which in (signal.SIGINT, signal.SIGTERM):
        signal.signal(which, signal.SIG_DFL)


def _signal_group(child: subprocess.Popen[bytes], which: signal.Signals) -> None:
    with suppress(ProcessLookupError):
        os.killpg(child.pid, which)


_LOCATIONS = """
{ workspaceOrError { ... on Workspace { locationEntries { locationOrLoadError { __typename
  ... on PythonError { message } } } } } }
"""
LAUNCH_BACKFILL = """
mutation Launch($params: LaunchBackfillParams!) { launchPartitionBackfill(backfillParams: $params) { __typename
  ... on LaunchBackfillSuccess { backfillId }
  ... on PythonError { message } ... on InvalidSubsetError { message } ... on PartitionKeysNotFoundError { message }
  ... on UnauthorizedError { message } } }
"""
_STATUS = """
query Status($id: String!) { partitionBackfillOrError(backfillId: $id) { __typename
  ... on PartitionBackfill { status error { message } runs(limit: 100) { id status } } } }
"""


@retry(
    retry=retry_if_exception_type((GraphqlError, urllib.error.URLError, TimeoutError)),
    stop=stop_after_attempt(4),
    wait=wait_fixed(3),
    reraise=True,
)
def launch_backfill(stack: DagsterStack, asset_keys: list[list[str]], partitions: list[str], title: str) -> str:
    """Ask the running Dagster for a backfill of ``partitions``, as the UI's button does; returns its id.

    A webserver that has only just come up may need to be asked again. Raises UserError when it refuses.
    """
    params = {
        "assetSelection": [{"path": path} for path in asset_keys],
        "partitionNames": partitions,
        "title": title,
    }
    answer = stack.graphql(LAUNCH_BACKFILL, params=params)["launchPartitionBackfill"]
    if answer["__typename"] != "LaunchBackfillSuccess":
        raise UserError(f"Dagster refused the backfill: {answer.get('message', answer['__typename'])}.")
    return str(answer["backfillId"])


def backfill_status(stack: DagsterStack, backfill_id: str) -> tuple[str, list[str]]:
    """Status of the backfill (such as REQUESTED or COMPLETED_SUCCESS) and of each of its runs."""
    answer = stack.graphql(_STATUS, id=backfill_id)["partitionBackfillOrError"]
    return str(answer.get("status", answer["__typename"])), [run["status"] for run in answer.get("runs", [])]
