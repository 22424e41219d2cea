"""``eventflow settings``: every knob, what it means and what it is now."""

import json
import sys
from typing import Annotated

import typer
from pydantic import SecretStr
from rich.console import Console
from rich.table import Table

from eventflow_pipeline.cli.app import Json, app
from eventflow_pipeline.settings import Settings, load_settings


def _shown(value: object) -> str:
    """A value as the environment would have it; a secret only as being there."""
    if value is None or value == ():
        return "unset"
    if isinstance(value, SecretStr):
        return "set (secret)"
    if isinstance(value, tuple):
        return ",".join(map(str, value))
    return str(value)


def _rows(settings: Settings) -> list[dict[str, str]]:
    rows = []
    for name, field in Settings.model_fields.items():
        default = ".eventflow" if name == "home" else _shown(field.default)
        rows.append(
            {
                "setting": f"EVENTFLOW_{name.upper()}",
                "now": _shown(getattr(settings, name)) if name in settings.chosen else default,
                "default": default,
                "meaning": field.description or "",
            }
        )
    return rows


def settings_document() -> str:
    """docs/settings.md: every setting with its default and meaning."""
    lines = [
        "# Settings",
        "",
        "Read from the environment by every process. `eventflow settings` shows those in force here; this page is "
        "`eventflow settings --markdown`. Dagster's own storage is `DAGSTER_POSTGRES_URL` (unset: a database on the "
        "embedded server).",
        "",
        "| setting | default | meaning |",
        "|---|---|---|",
    ]
    for row in _rows(Settings.model_construct()):
        meaning = row["meaning"].replace("|", "\\|")
        lines.append(f"| `{row['setting']}` | `{row['default']}` | {meaning} |")
    return "\n".join(lines) + "\n"


@app.command("settings")
def show_settings(
    markdown: Annotated[bool, typer.Option("--markdown", help="Print docs/settings.md: defaults only.")] = False,
    as_json: Json = False,
) -> None:
    """Show every setting: what it is now, its default and what it means. Secrets are never shown.

    Wrong values are refused here as everywhere, with exit status 2, so this also checks an environment.
    """
    if markdown:
        typer.echo(settings_document(), nl=False)
        return
    rows = _rows(load_settings())
    if as_json:
        typer.echo(json.dumps({"settings": rows}))
        return
    table = Table(show_lines=False)
    for heading in ("setting", "now", "meaning"):
        table.add_column(heading, overflow="fold", no_wrap=heading == "setting")
    for row in rows:
        changed = row["now"] != row["default"]
        table.add_row(row["setting"], f"[bold]{row['now']}[/]" if changed else row["now"], row["meaning"])
    Console(highlight=False, width=None if sys.stdout.isatty() else 140).print(table)
