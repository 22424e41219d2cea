"""Dagster's own servers as child processes, on loopback, and their GraphQL API."""

import json
import socket
import urllib.error
import urllib.request
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from tenacity import retry, retry_if_exception_type, stop_after_attempt, wait_fixed

from eventflow_pipeline.dev.child_process import ChildProcess
from eventflow_pipeline.errors import UserError

HOST = "127.0.0.1"
LOCATION = "eventflow_pipeline"
CODE_SERVER, WEBSERVER, DAEMON = "dagster-code-server", "dagster-webserver", "dagster-daemon"
#: What their processes need besides addresses.
ENVIRONMENT = {
    # The hourly sweep compares months of facts while its schedule is evaluated.
    "DAGSTER_SCHEDULE_GRPC_TIMEOUT_SECONDS": "300",
    # Starting a run waits until its process has loaded the code: on a busy machine longer than the usual minute.
    "DAGSTER_GRPC_TIMEOUT_SECONDS": "300",
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


#: What a request to a server that comes up, is busy, or has been stopped meanwhile may raise.
UNANSWERED = (GraphqlError, urllib.error.URLError, ConnectionError, TimeoutError)


def _body(problem: urllib.error.HTTPError) -> dict[str, Any]:
    try:
        return dict(json.load(problem))
    except ValueError:
        return {"errors": [{"message": f"{problem.code} {problem.reason}"}]}


class DagsterStack:
    """Code server, webserver and daemon, started with Dagster's own commands; leaving the block stops them.

    One code server for both: otherwise each starts its own, and the daemon another one every minute. Runs are its
    children. The environment must already name the databases and DAGSTER_HOME (see ``dev.environment``).
    """

    def __init__(self, logs: Path, port: int) -> None:
        self.url = f"http://{HOST}:{port}"
        self._logs = logs
        self._code_port = free_port()
        workspace = str(logs / "workspace.yaml")
        code = ("-m", "eventflow_pipeline.definitions", "--location-name", LOCATION)
        commands = {
            CODE_SERVER: ("dagster", "code-server", "start", "-h", HOST, "-p", str(self._code_port), *code),
            WEBSERVER: ("dagster-webserver", "-h", HOST, "-p", str(port), "-w", workspace),
            DAEMON: ("dagster-daemon", "run", "-w", workspace),
        }
        self._children = {
            name: ChildProcess((*command, "--log-format", "json"), logs / f"{name}.log", ENVIRONMENT)
            for name, command in commands.items()
        }
        self._running = ExitStack()

    def __enter__(self) -> Self:
        self._logs.mkdir(parents=True, exist_ok=True)
        (self._logs / "workspace.yaml").write_text(
            f"load_from: [grpc_server: {{host: {HOST}, port: {self._code_port}, location_name: {LOCATION}}}]\n"
        )
        with ExitStack() as starting:
            starting.enter_context(self._children[CODE_SERVER]).wait_until(self._takes_requests)
            starting.enter_context(self._children[WEBSERVER])
            starting.enter_context(self._children[DAEMON])
            for child in self._children.values():  # first of all when they are stopped, so that they stop together
                starting.callback(child.ask_to_stop)
            self._children[WEBSERVER].wait_until(self._has_loaded)
            self._running = starting.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, problem: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._running.close()

    def _takes_requests(self) -> bool:
        """Whether the code server does: a location that cannot be reached is one that cannot be loaded."""
        with socket.create_connection((HOST, self._code_port), timeout=5):
            return True

    def _has_loaded(self) -> bool:
        """Whether the webserver answers and has loaded the assets. Raises UserError when it cannot load them."""
        self.require_alive()
        try:
            entries = self.graphql(_LOCATIONS)["workspaceOrError"].get("locationEntries", [])
        except GraphqlError:
            return False
        loaded = [entry["locationOrLoadError"] for entry in entries]
        for broken in (location for location in loaded if location and "message" in location):
            raise UserError(f"Dagster cannot load the definitions: {broken['message'].splitlines()[0]}")
        return bool(loaded) and all(loaded)

    def require_alive(self) -> None:
        """Raise UserError, naming the log, when a child has ended by itself."""
        for child in self._children.values():
            child.require_alive()

    def revive(self) -> list[str]:
        """Start again what has ended by itself, as a supervisor does; returns the commands."""
        ended = [command for command, child in self._children.items() if child.has_ended]
        for command in ended:
            self._children[command].restart()
        if CODE_SERVER in ended:
            self._children[CODE_SERVER].wait_until(self._takes_requests)
        return ended

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
  ... on PartitionBackfill { status error { message } runs(limit: 1000) { id status } } } }
"""
_UNFINISHED = """
{ partitionBackfillsOrError(filters: {statuses: [REQUESTED, CANCELING]}) {
  ... on PartitionBackfills { results { id title } } ... on PythonError { message } } }
"""
_CANCEL = """
mutation Cancel($id: String!) { cancelPartitionBackfill(backfillId: $id) { __typename
  ... on PythonError { message } ... on UnauthorizedError { message } } }
"""
_TERMINATE = """
mutation Terminate($runs: [String!]!) {
  terminateRuns(runIds: $runs, terminatePolicy: MARK_AS_CANCELED_IMMEDIATELY) { __typename } }
"""
_OVER = ("SUCCESS", "FAILURE", "CANCELED")


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


@dataclass(frozen=True, slots=True)
class BackfillStatus:
    """Status of a backfill (such as REQUESTED or COMPLETED_SUCCESS), of each run by its id, and what went wrong."""

    status: str
    runs: Mapping[str, str]
    error: str | None


def backfill_status(stack: DagsterStack, backfill_id: str) -> BackfillStatus:
    """How a backfill is getting on. Raises one of ``UNANSWERED``."""
    answer = stack.graphql(_STATUS, id=backfill_id)["partitionBackfillOrError"]
    return BackfillStatus(
        status=str(answer.get("status", answer["__typename"])),
        runs={run["id"]: run["status"] for run in answer.get("runs", [])},
        error=(answer.get("error") or {}).get("message"),
    )


def unfinished_backfills(stack: DagsterStack, title: str) -> list[str]:
    """Ids of backfills that are not over and whose title begins with ``title``. Raises one of ``UNANSWERED``."""
    found = stack.graphql(_UNFINISHED)["partitionBackfillsOrError"].get("results", [])
    return [backfill["id"] for backfill in found if (backfill["title"] or "").startswith(title)]


def cancel_backfill(stack: DagsterStack, backfill_id: str) -> None:
    """Have no more runs of a backfill started, and end those it has at once. Raises one of ``UNANSWERED``."""
    stack.graphql(_CANCEL, id=backfill_id)
    if unfinished := [run for run, status in backfill_status(stack, backfill_id).runs.items() if status not in _OVER]:
        stack.graphql(_TERMINATE, runs=unfinished)
