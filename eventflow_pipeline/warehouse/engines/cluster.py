"""Sessions on a cluster that speaks Spark Connect: the one that is named, else Sail for this process alone."""

import atexit
import os
import re
import subprocess
import sys
import threading
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from eventflow_pipeline.settings import Settings
from eventflow_pipeline.warehouse.engines.day_engine import EngineError

if TYPE_CHECKING:
    from pyspark.sql.connect.session import SparkSession

#: What a session is told; the same statements and data must mean the same wherever it runs.
_CONFIGURATION: Mapping[str, str] = {
    "spark.sql.session.timeZone": "UTC",
    "spark.sql.ansi.enabled": "true",
    # Joins that trust how files are laid out have given wrong results.
    "spark.sql.sources.v2.bucketing.enabled": "false",
}
#: Listens on a free port, says which, and ends with whoever started it.
_SAIL = """
import sys
from pysail.spark import SparkConnectServer
server = SparkConnectServer("127.0.0.1", 0)
server.start(background=True)
print(server.listening_address[1], flush=True)
sys.stdin.read()
"""
#: What Sail is told of our environment, which holds secrets; it answers whoever connects to its port. Names it needs to
#: reach files begin with the second, only where files are not on this machine.
_NEEDED = ("PATH", "HOME", "LANG", "LC_ALL", "TMPDIR", "PYTHONPATH", "LD_LIBRARY_PATH")
_OF_OBJECT_STORES = ("AWS_", "AZURE_", "GOOGLE_")
_ONE_AT_A_TIME = threading.Lock()


class _Sail:
    """A Sail server of this process, started when it is first needed and again when it has ended."""

    def __init__(self, *, object_store: bool) -> None:
        self._object_store = object_store
        self._server: subprocess.Popen[str] | None = None
        self._address = ""
        atexit.register(self.stop)

    def address(self) -> str:
        """Where it listens. Raises EngineError when it does not start."""
        with _ONE_AT_A_TIME:
            if self._server is None or self._server.poll() is not None:
                self._server = subprocess.Popen(
                    [sys.executable, "-c", _SAIL],
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    stderr=subprocess.DEVNULL,
                    text=True,
                    env=self._environment(),
                )
                assert self._server.stdout
                port = self._server.stdout.readline().strip()
                if not port:
                    raise EngineError("Sail did not start: try `python -m pysail spark server`, which says why.")
                self._address = f"sc://127.0.0.1:{port}"
            return self._address

    def _environment(self) -> dict[str, str]:
        prefixes = _OF_OBJECT_STORES if self._object_store else ()
        return {name: value for name, value in os.environ.items() if name in _NEEDED or name.startswith(prefixes)}

    def stop(self) -> None:
        """End it, if it runs."""
        if self._server is not None:
            self._server.kill()
            self._server.wait()
            self._server = None


@cache
def _sail(*, object_store: bool) -> _Sail:
    return _Sail(object_store=object_store)


@contextmanager
def _of_a_file() -> Iterator[None]:
    """Spark's client, while it is imported, takes a process that runs no file (``python -c``) for one of its doctests,
    and ends it.
    """
    main = sys.modules["__main__"]
    with _ONE_AT_A_TIME:
        unnamed = not hasattr(main, "__file__")
        if unnamed:
            main.__file__ = __file__
        try:
            yield
        finally:
            if unnamed:
                del main.__file__


@contextmanager
def cluster_session(settings: Settings) -> Iterator["SparkSession"]:
    """A session of its own on the cluster, ended with the block. Whatever it is asked may wait for ever.

    Raises EngineError when the cluster cannot be reached.
    """
    # It has not been tried with this pandas, which nothing here uses; that its tries are used up an error says as well.
    warnings.filterwarnings("ignore", module=r"pyspark\.")
    with _of_a_file():
        from pyspark.sql.connect.client.retries import DefaultPolicy
        from pyspark.sql.connect.session import SparkSession

    if settings.spark.url:
        address = settings.spark.url.get_secret_value()
    else:
        files = lake(settings)
        address = _sail(object_store=":/" in files and not files.startswith("file:")).address()
    with engine_errors(settings, "cannot be reached"):
        session = SparkSession.builder.remote(address).create()
        # Left to itself it tries for ten minutes, and again when the process ends.
        session.client.set_retry_policies([DefaultPolicy(max_retries=4, initial_backoff=100, max_backoff=2_000)])
        for name, value in _CONFIGURATION.items():
            session.conf.set(name, value)
    try:
        yield session
    finally:
        stop(session)


def described(session: "SparkSession", settings: Settings) -> dict[str, str]:
    """Who computes, for the records: engine and version; of Spark its executors and where to watch this session."""
    if not settings.spark.url:
        return {"engine": f"Sail {version('pysail')}"}

    def told(name: str) -> str:
        with suppress(Exception):
            return str(session.conf.get(name))
        return ""

    said = {"engine": f"Spark {session.version}"}
    master = told("spark.master")
    if executors := told("spark.executor.instances") or "".join(re.findall(r"^local-cluster\[(\d+)", master)):
        said["executors"] = executors
    pages, host, port = settings.spark.ui, told("spark.driver.host"), told("spark.ui.port") or "4040"
    # Port 0 is whichever was free: it does not say which.
    if not pages and host and port != "0" and told("spark.ui.enabled") != "false":
        pages = f"http://{host}:{port}"
    if pages:
        said["spark"] = f"{pages.rstrip('/')}/connect/session/?id={session.session_id}"
    return said


def stop(session: "SparkSession") -> None:
    """Interrupt what a session computes, and end it: at most ten seconds are spent on that. Any number of times."""
    ended = threading.Thread(target=_stop, args=[session], daemon=True)
    ended.start()
    ended.join(10)


def _stop(session: "SparkSession") -> None:
    with suppress(Exception):
        session.interruptAll()
    with suppress(Exception):
        session.stop()


@contextmanager
def engine_errors(settings: Settings, what: str) -> Iterator[None]:
    """What the client raises becomes one EngineError that names the setting, and no value of a row (S7)."""
    import grpc
    from pyspark.errors import PySparkException

    try:
        yield
    except (PySparkException, grpc.RpcError) as problem:
        named = "EVENTFLOW_SPARK_URL" if settings.spark.url else "Sail, which runs where EVENTFLOW_SPARK_URL is unset,"
        raise EngineError(
            f"{named} {what} ({_kind(problem)}): nothing of the day was published; check that the cluster is up, "
            "or set EVENTFLOW_ENGINE=postgres."
        ) from problem


def _kind(problem: Any) -> str:
    """What kind of error it is; its text may quote rows."""
    condition = problem.getCondition() if hasattr(problem, "getCondition") else None
    code = problem.code() if hasattr(problem, "code") else None
    return str(condition or getattr(code, "name", None) or type(problem).__name__)


def lake(settings: Settings) -> str:
    """Folder or address of the files that are exchanged with the cluster."""
    return settings.spark.lake or (Path(settings.home) / "lake").as_uri()
