"""What a command does not use it does not import: imports are most of the time that a small one takes."""

import json
import os
import subprocess
import sys
import textwrap

import pytest

#: What takes long to import, each more than all modules of the command line together, or is for few.
_DEAR = {
    "alembic", "apprise", "dagster", "fastapi", "jinja2", "matplotlib", "numpy", "openpyxl", "pandas", "psycopg",
    "pydantic", "rich", "sqlalchemy", "structlog",
}  # fmt: skip
#: One process, for the steps are each other's beginnings: what a step imports the next have, too.
_STEPS = """
import contextlib, io, json, sys, warnings
warnings.simplefilter("ignore")
found = {}
def step(name, work):
    with contextlib.redirect_stdout(io.StringIO()), contextlib.suppress(SystemExit):
        work()
    found[name] = sorted({module.partition(".")[0] for module in sys.modules})
def command(*arguments):
    from eventflow_pipeline.cli import app
    app(arguments, prog_name="eventflow")
step("help", lambda: command("--help"))
step("settings", lambda: command("settings", "--json"))
step("a command's surroundings", lambda: __import__("eventflow_pipeline.dev.environment"))
step("backfill", lambda: [__import__("eventflow_pipeline.runs"), __import__("eventflow_pipeline.definitions")])
print(json.dumps(found))
"""


@pytest.fixture(scope="module")
def imported() -> dict[str, list[str]]:
    """The packages a fresh process has after each step."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("EVENTFLOW_", "DAGSTER_"))}
    done = subprocess.run([sys.executable, "-c", _STEPS], env=kept, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    found: dict[str, list[str]] = json.loads(done.stdout)
    return found


@pytest.mark.parametrize(
    ("step", "used"),
    [
        ("help", set()),
        ("settings", {"pydantic"}),
        ("a command's surroundings", {"pydantic", "sqlalchemy", "psycopg"}),
        # The bar of days is rich's.
        ("backfill", {"pydantic", "sqlalchemy", "psycopg", "dagster", "rich"}),
    ],
)
def test_nothing_dear_is_imported_that_is_not_used(imported: dict[str, list[str]], step: str, used: set[str]) -> None:
    assert _DEAR & set(imported[step]) == used


def test_a_command_does_not_look_for_garbage_when_it_ends() -> None:
    """In all that it has loaded: what was registered before a command runs after what the command did."""
    program = """
        import atexit, gc, sys
        atexit.register(lambda: print(gc.get_freeze_count() > 10_000))
        sys.argv = ["eventflow", "--version"]
        from eventflow_pipeline.cli import main
        main()
    """
    done = subprocess.run([sys.executable, "-c", textwrap.dedent(program)], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "True"
