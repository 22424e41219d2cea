"""Servers of a test's own, freshly initialized: as a managed service hands them over."""

import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from sqlalchemy.engine import URL

from eventflow_pipeline.dev.embedded import start_embedded

#: Debian's packages keep each version's programs here.
_DEBIAN = Path("/usr/lib/postgresql")


@contextmanager
def fresh_server(version: str) -> Iterator[URL]:
    """Address, as superuser, of a new server: ``embedded``, or a version of Debian's packages (a skip where absent)."""
    folder = Path(tempfile.mkdtemp(prefix="eventflow-server-", dir="/var/tmp"))
    folder.chmod(0o755)
    try:
        if version == "embedded":
            server = start_embedded(folder)
            try:
                yield server.url("postgres")
            finally:
                server.stop()
        else:
            with _debian(_DEBIAN / version / "bin", folder) as url:
                yield url
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def pgbouncer(server: URL, mode: str, *users: str) -> Iterator[URL]:
    """Address of a pooler in pool mode ``mode`` before ``server``, by its socket, for ``users`` (a skip where absent).

    Debian's package; ``session`` lends a server process for the length of a connection, ``transaction`` for that.
    """
    program = shutil.which("pgbouncer", path=f"{os.environ['PATH']}:/usr/sbin")
    if program is None:
        pytest.skip("pgbouncer is not there: apt-get install pgbouncer")
    folder = Path(tempfile.mkdtemp(prefix="eventflow-pooler-", dir="/var/tmp"))
    # It does not run as root; where the server's socket is, nobody but the server's user may enter.
    user = Path(str(server.query["host"])).stat().st_uid if os.geteuid() == 0 else None
    (folder / "users").write_text("".join(f'"{name}" ""\n' for name in ("postgres", *users)))
    (folder / "pgbouncer.ini").write_text(
        f"[databases]\n* = host={server.query['host']}\n[pgbouncer]\npool_mode = {mode}\nlisten_port = 6432\n"
        f"unix_socket_dir = {folder}\nauth_type = trust\nauth_file = {folder}/users\n"
        f"logfile = {folder}/log\nmax_client_conn = 200\ndefault_pool_size = 50\n"
    )
    if user is not None:
        shutil.chown(folder, user)
    process = subprocess.Popen([program, "-q", str(folder / "pgbouncer.ini")], user=user, cwd=folder)
    try:
        deadline = time.monotonic() + 60
        while not (folder / ".s.PGSQL.6432").exists():
            assert process.poll() is None, (folder / "log").read_text()
            assert time.monotonic() < deadline
            time.sleep(0.02)
        yield server.set(query={"host": str(folder), "port": "6432"})
    finally:
        process.terminate()
        process.wait(20)
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def _debian(programs: Path, folder: Path) -> Iterator[URL]:
    if not (programs / "initdb").exists():
        pytest.skip(f"{programs} is not there: apt-get install postgresql-{programs.parent.name}")
    # Postgres does not run as root; the packages make this user.
    user = "postgres" if os.geteuid() == 0 else None
    if user:
        shutil.chown(folder, user)

    def run(program: str, *arguments: str) -> None:
        subprocess.run(
            [str(programs / program), "-D", str(folder / "data"), *arguments],
            user=user,
            extra_groups=[] if user else None,
            cwd=folder,
            check=True,
            stdout=subprocess.DEVNULL,
            timeout=120,
        )

    run("initdb", "--username=postgres", "--auth=trust", "--encoding=UTF8", "--locale=C.UTF-8", "--no-sync")
    run(
        "pg_ctl",
        "start",
        "--wait",
        "--log",
        str(folder / "log"),
        "-o",
        f"-k {folder} -c listen_addresses= -c fsync=off",
    )
    try:
        yield URL.create("postgresql", username="postgres", database="postgres", query={"host": str(folder)})
    finally:
        run("pg_ctl", "stop", "--wait", "--mode=immediate")
