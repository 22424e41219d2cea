"""What is private to Dagster: read in one version, and imported in one folder."""

import pkgutil
import tomllib
from pathlib import Path

import dagster as dg

from eventflow_pipeline.defs.dagster_internals import VERIFIED_WITH

ROOT = Path(__file__).parents[3]


def test_dagster_is_the_version_whose_private_parts_were_read() -> None:
    """Another minor version: read defs/dagster_internals and sql/storage/dagster.sql against it, then raise the number.

    Other files call, too, what is not announced (instigators and their ticks); their tests notice when it changes.
    """
    assert dg.__version__.startswith(f"{VERIFIED_WITH}.")


def test_every_private_package_of_dagster_is_forbidden_elsewhere() -> None:
    """By ruff (TID251), which knows no pattern: the list must have them all."""
    lint = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["ruff"]["lint"]
    private = {m.name for m in pkgutil.iter_modules(dg.__path__) if m.name.startswith("_")} - {"__main__"}
    assert {f"dagster.{name}" for name in private} == set(lint["flake8-tidy-imports"]["banned-api"])
    allowed = {where for where, rules in lint["per-file-ignores"].items() if "TID251" in rules}
    assert allowed == {"eventflow_pipeline/defs/dagster_internals/*", "eventflow_pipeline_tests/*"}
