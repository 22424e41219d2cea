"""Commands that pages name are there with their options, and so are make's targets; figures beside a setting are its
default."""

import re
from pathlib import Path
from typing import Any

import pytest
from typer.main import get_command

from eventflow_pipeline.cli import app
from eventflow_pipeline.settings import project_root, variables

ROOT = project_root()
PAGES = [
    *(ROOT / name for name in ("README.md", "CONTRIBUTING.md", "SECURITY.md")),
    *sorted((ROOT / "docs").glob("*.md")),
    *sorted((ROOT / "docs" / "decisions").glob("*.md")),
]
_CODE = re.compile(r"^```[^\n]*\n(.*?)^```|^((?:    [^\n]*\n)+)|`([^`\n]+)`", re.MULTILINE | re.DOTALL)
_TARGETS = set(re.findall(r"^([\w-]+):(?!=)", (ROOT / "Makefile").read_text(), re.MULTILINE))
#: A figure with its setting behind it, or before it.
_FIGURE = re.compile(
    r"(?<![\w.])(?P<before>\d[\d,.]*\d|\d)(?: [a-z]+)? \(`(?P<after_it>EVENTFLOW_[A-Z_]+)`"
    r"|`(?P<before_it>EVENTFLOW_[A-Z_]+)` \((?P<behind>\d[\d,.]*\d|\d)\)"
)


def _code(page: str) -> list[str]:
    """Lines of a page's blocks and its code within sentences, without what a shell would not run."""
    spans = ["".join(found) for found in _CODE.findall(page)]
    return [line.partition(" #")[0].strip() for span in spans for line in span.splitlines()]


def _commands(page: str) -> list[list[str]]:
    """Every call of `eventflow`, as words."""
    calls = [call for line in _code(page) for call in re.findall(r"(?:^|[ (;/])eventflow +([a-z-][^|;&)]*)", line)]
    return [call.replace("…", " ").split() for call in calls]


def _wrong(words: list[str]) -> str | None:
    """What of a call there is not."""
    command: Any = get_command(app)
    rest = list(words)
    while rest and hasattr(command, "commands") and not rest[0].startswith("-"):
        if (word := rest.pop(0).strip('`.,:"]')) not in command.commands:
            return None if word.isupper() else f"eventflow {' '.join(words)}: there is no {word}"
        command = command.commands[word]
    known = {option for parameter in command.params for option in (*parameter.opts, *parameter.secondary_opts)}
    known |= {"--help", "--version"}
    named = [word.partition("=")[0].strip("`.,:[]") for word in rest if word.strip("[").startswith("--")]
    # What psql and Dagster take is theirs.
    unknown = [] if words[0] in ("psql", "dagster") else [word for word in named if word not in known]
    return f"eventflow {' '.join(words)}: there is no {unknown[0]}" if unknown else None


def test_every_command_that_a_page_names_there_is() -> None:
    calls = {page: _commands(page.read_text(encoding="utf-8")) for page in PAGES}
    assert sum(map(len, calls.values())) > 150
    found = {str(page.relative_to(ROOT)): [w for c in of if (w := _wrong(c))] for page, of in calls.items()}
    assert {page: wrong for page, wrong in found.items() if wrong} == {}


@pytest.mark.parametrize(
    ("page", "wrong"),
    [
        ("    eventflow heal --dry-run    # as before\n", None),
        ("run `eventflow heel`", "eventflow heel: there is no heel"),
        ("```sh\nx=$(eventflow explain --day DAY)\n```\n", "eventflow explain --day DAY: there is no --day"),
        ('    eval "$(eventflow env)" && eventflow share show ID\n', "eventflow share show ID: there is no show"),
    ],
)  # fmt: skip
def test_what_there_is_not_is_noticed(page: str, wrong: str | None) -> None:
    assert [found for call in _commands(page) if (found := _wrong(call))] == ([wrong] if wrong else [])


def test_every_target_of_make_there_is() -> None:
    named = {
        (page.name, target)
        for page in PAGES
        for line in _code(page.read_text(encoding="utf-8"))
        for target in re.findall(r"^make +([a-z][\w-]*)", line)
    }
    assert len(named) > 15
    assert {(page, target) for page, target in named if target not in _TARGETS} == set()


def _figures(page: Path) -> list[tuple[str, str]]:
    found = _FIGURE.finditer(page.read_text(encoding="utf-8"))
    return [(m["after_it"] or m["before_it"], (m["before"] or m["behind"]).replace(",", "")) for m in found]


def test_figures_beside_a_setting_are_its_default() -> None:
    defaults = {variable.name: variable.info.default for variable in variables()}
    said = [(page.name, *figure) for page in PAGES for figure in _figures(page)]
    assert len(said) > 5
    assert [(page, name, value) for page, name, value in said if defaults[name] != float(value)] == []
