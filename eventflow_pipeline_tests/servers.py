"""Servers of a test's own, freshly initialized: as a managed service hands them over."""

import os
import shutil
import socket
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
_MEMORY = Path("/dev/shm")
_ROOM = 4 * 2**30


def server_folder(what: str) -> Path:
    """A new folder for a server's files: in memory where there is room, for a database is hundreds of small files.

    Its path is short enough for a socket, and the user that Postgres runs as may enter.
    """
    in_memory = _MEMORY.is_dir() and os.access(_MEMORY, os.W_OK) and shutil.disk_usage(_MEMORY).free > _ROOM
    folder = Path(tempfile.mkdtemp(prefix=f"eventflow-{what}-", dir=_MEMORY if in_memory else "/var/tmp"))
    folder.chmod(0o755)
    return folder


@contextmanager
def fresh_server(version: str) -> Iterator[URL]:
    """Address, as superuser, of a new server: ``embedded``, or a version of Debian's packages (a skip where absent)."""
    folder = server_folder("server")
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
def tls_server() -> Iterator[tuple[URL, Path]]:
    """Address over TCP of a server with a certificate for ``localhost``, and the authority's; skips where absent."""
    folder = server_folder("tls")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    try:
        certificate(folder / "ca", "an authority")
        certificate(folder / "server", "localhost", signed_by=folder / "ca")
        if os.geteuid() == 0:
            for suffix in ("key", "crt"):
                shutil.chown(folder / f"server.{suffix}", "postgres")
        options = (
            f"-c listen_addresses=127.0.0.1 -c port={port} -c ssl=on -c ssl_cert_file={folder}/server.crt "
            f"-c ssl_key_file={folder}/server.key"
        )
        with _debian(_DEBIAN / "15" / "bin", folder, options) as url:
            yield url.set(host="localhost", port=port, query={}), folder / "ca.crt"
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def certificate(at: Path, name: str, signed_by: Path | None = None) -> None:
    """Make ``at``.key and ``at``.crt for a host, signed by another or by itself."""
    command = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", f"/CN={name}"]
    command += ["-keyout", f"{at}.key", "-out", f"{at}.crt"]
    if signed_by:
        command += ["-CA", f"{signed_by}.crt", "-CAkey", f"{signed_by}.key", "-addext", f"subjectAltName=DNS:{name}"]
        command += ["-addext", "basicConstraints=CA:FALSE"]
    subprocess.run(command, check=True, capture_output=True)
    Path(f"{at}.key").chmod(0o600)


@contextmanager
def _debian(programs: Path, folder: Path, options: str = "-c listen_addresses=") -> Iterator[URL]:
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
        f"-k {folder} -c fsync=off {options}",
    )
    try:
        yield URL.create("postgresql", username="postgres", database="postgres", query={"host": str(folder)})
    finally:
        run("pg_ctl", "stop", "--wait", "--mode=immediate")
