"""``eventflow settings``: every setting by section, what it means and what it is now."""

import json
import os
import sys
from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated

import typer

from eventflow_pipeline.cli.app import Json, app
from eventflow_pipeline.domain.foreign_text import plain

if TYPE_CHECKING:
    from eventflow_pipeline.settings import Settings, Variable

_PAGE_HEAD = """# Settings

Read from the environment by every process. `eventflow settings` shows those in force here; this page is \
`eventflow settings --markdown`. A variable `EVENTFLOW_…` that is not listed here is refused.
"""
_OF_DAGSTER = "Dagster's own, as far as they matter here"
#: Variables that Dagster defines and this project reads, sets or asks for, with what they mean here.
_DAGSTER_VARIABLES: Mapping[str, str] = {
    "DAGSTER_POSTGRES_URL": "Database of Dagster's runs and events (secret). Unset: one on the embedded server. It may "
    "be reached by a transaction pooler: no lock and no setting outlives a transaction there.",
    "DAGSTER_HOME": "Folder with dagster.yaml. Unset: EVENTFLOW_HOME for `eventflow`; Dagster's own commands need it.",
    "DAGSTER_EVENT_BATCH_SIZE": "Events of a range handed to the storage at once. Unset: 200 for `eventflow`, 1 for "
    "Dagster's own commands.",
    "DAGSTER_GRPC_TIMEOUT_SECONDS": "Longest a call of the code server may take; 300 for Dagster's own commands.",
    "DAGSTER_SCHEDULE_GRPC_TIMEOUT_SECONDS": "Longest a schedule's tick may take; 300 for Dagster's own commands.",
}


def _shown(value: object) -> str:
    """A value as the environment would have it; a secret only as being there."""
    from pydantic import SecretStr
    from pydantic_core import to_json

    if value is None or value in ((), "", {}):
        return "unset"
    if isinstance(value, SecretStr):
        return "set (secret)"
    if isinstance(value, tuple):
        return ",".join(map(str, value))
    if isinstance(value, Mapping):
        return to_json(value).decode()
    return str(value)


def _default(variable: "Variable") -> str:
    """The default, independent of the machine."""
    return ".eventflow" if variable.field == "home" else _shown(variable.info.get_default(call_default_factory=True))


def _rows(settings: "Settings") -> list[dict[str, str]]:
    from eventflow_pipeline.settings import sections, variables

    titles = sections()
    return [
        {
            "section": titles[variable.section],
            "setting": variable.name,
            "now": _shown(variable.value(settings)) if variable.is_chosen(settings) else _default(variable),
            "default": _default(variable),
            "meaning": variable.info.description or "",
        }
        for variable in variables()
    ] + [
        {"section": _OF_DAGSTER, "setting": name, "now": _of_dagster(name), "default": "unset", "meaning": meaning}
        for name, meaning in _DAGSTER_VARIABLES.items()
    ]


def _of_dagster(name: str) -> str:
    from pydantic import SecretStr

    value = os.environ.get(name)
    return _shown(SecretStr(value) if value and name.endswith("_URL") else value)


def settings_document() -> str:
    """docs/settings.md: every setting with its default and meaning."""
    from eventflow_pipeline.settings import sections, variables

    lines = [_PAGE_HEAD]
    titles = sections()
    for section, title in titles.items():
        lines += [f"## {title}", "", "| setting | default | meaning |", "|---|---|---|"]
        for variable in variables():
            if variable.section == section:
                meaning = (variable.info.description or "").replace("|", "\\|")
                lines.append(f"| `{variable.name}` | `{_default(variable)}` | {meaning} |")
        lines.append("")
    lines += [f"## {_OF_DAGSTER}", "", "| setting | default | meaning |", "|---|---|---|"]
    lines += [f"| `{name}` | `unset` | {meaning} |" for name, meaning in _DAGSTER_VARIABLES.items()]
    lines.append("")
    return "\n".join(lines)


@app.command("settings")
def show_settings(
    markdown: Annotated[bool, typer.Option("--markdown", help="Print docs/settings.md: defaults only.")] = False,
    as_json: Json = False,
) -> None:
    """Show every setting: what it is now, its default and what it means. Secrets are never shown.

    Wrong values and variables that are no setting are refused here as everywhere, with exit status 2, so this also
    checks an environment.
    """
    if markdown:
        typer.echo(settings_document(), nl=False)
        return
    from eventflow_pipeline.oncall.receivers import require_addresses
    from eventflow_pipeline.settings import load_settings

    settings = load_settings()
    require_addresses(settings)
    rows = _rows(settings)
    if as_json:
        typer.echo(json.dumps({"settings": rows}))
        return
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(show_lines=False)
    for heading in ("setting", "now", "meaning"):
        table.add_column(heading, overflow="fold", no_wrap=heading == "setting")
    section = ""
    for row in rows:
        if row["section"] != section:
            section = row["section"]
            table.add_section()
            table.add_row(Text(section, style="dim"))
        changed = row["now"] != row["default"]
        table.add_row(row["setting"], Text(plain(row["now"]), style="bold" if changed else ""), Text(row["meaning"]))
    Console(highlight=False, width=None if sys.stdout.isatty() else 140).print(table)
