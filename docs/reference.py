"""Writes the pages that are printed and not written: commands.md and settings.md (`make reference`)."""

from collections.abc import Callable, Mapping
from pathlib import Path

import click
from typer.cli import get_docs_for_click
from typer.main import get_command

from eventflow_pipeline.cli import app
from eventflow_pipeline.cli.settings import settings_document

DOCS = Path(__file__).parent
_HEAD = """# Commands

What `eventflow COMMAND --help` says, of every command; this page is made of it by `make reference`. What they are for \
is in [running.md](running.md), what they read from the environment in [settings.md](settings.md).
"""


def commands_document() -> str:
    """docs/commands.md: every command with its options."""
    program = get_command(app)
    text = get_docs_for_click(obj=program, ctx=click.Context(program, info_name="eventflow"), name="eventflow")
    _, _, below_title = text.partition("\n")
    return f"{_HEAD}\n{below_title.strip()}\n"


#: Pages by name, with what prints them.
PAGES: Mapping[str, Callable[[], str]] = {"commands.md": commands_document, "settings.md": settings_document}

if __name__ == "__main__":
    for name, document in PAGES.items():
        (DOCS / name).write_text(document(), encoding="utf-8")
