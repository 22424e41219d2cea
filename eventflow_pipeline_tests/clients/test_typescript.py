"""clients/typescript under node's own test runner, and its rules of capture beside the ones they are the twin of."""

import json
import re
import shutil
import subprocess
from typing import Any

import pytest

from eventflow_pipeline.domain import normalization, personal_data
from eventflow_pipeline.settings import project_root

CLIENT = project_root() / "clients" / "typescript"
pytestmark = pytest.mark.skipif(shutil.which("node") is None, reason="node (18 or later) is not installed")


def _node(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(["node", *arguments], cwd=CLIENT, capture_output=True, text=True, timeout=300)


def test_its_own_tests_pass() -> None:
    """The conformance vectors among them; what zod checks is skipped where ``npm ci`` was not run."""
    done = _node("--test", *sorted(f"test/{path.name}" for path in (CLIENT / "test").glob("*.test.js")))
    failed = re.findall(r"not ok \d+ - .*", done.stdout)
    assert done.returncode == 0, f"{failed}\n{done.stdout[-3000:]}{done.stderr[-1000:]}"
    assert int(re.findall(r"^# pass (\d+)", done.stdout, re.MULTILINE)[0]) > 100


def _printed(script: str) -> Any:
    done = _node("--input-type=module", "--eval", script)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_the_patterns_are_the_same() -> None:
    found = _printed(
        "import * as p from './capture/personal.js'; import * as n from './capture/normalization.js';"
        "console.log(JSON.stringify([p.REFUSED, p.PERSONAL_MEMBER, p.LOOKED_AT, n.MARKS, n.BLANKS]))"
    )
    marks = re.sub(r"\\U000(\w{5})", lambda code: rf"\u{{{code[1]}}}", normalization.MARKS).replace(r"{0", "{")
    assert found == [
        dict(personal_data.REFUSED),
        personal_data.PERSONAL_MEMBER,
        personal_data.LOOKED_AT,
        marks,
        normalization.BLANKS,
    ]
    assert list(found[0]) == list(personal_data.REFUSED), "in the order in which they are tried"


def test_the_lock_file_names_no_registry() -> None:
    assert "resolved" not in (CLIENT / "package-lock.json").read_text(encoding="utf-8")
