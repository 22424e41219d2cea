"""``eventflow doctor``: what is wrong now, most severe first, each with its fix."""

from contextlib import suppress
from typing import Annotated

import typer

from eventflow_pipeline.cli.app import Json, answer, app
from eventflow_pipeline.domain.days import local_time


@app.command()
def doctor(
    client: Annotated[
        str | None, typer.Option(metavar="CLIENT", help="Only this client (id or name), and what concerns everybody.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Examine the live system along the runbook's tree; findings come most severe first, each with its fix.

    Checks databases, daemon, ticks, runs, checks, stale and held days, and at visits missing while entries go on,
    for which it names the cause. Exit status 1 when something is wrong; 0 when all is well.
    """
    from eventflow_pipeline.dev.environment import whatever_answers
    from eventflow_pipeline.oncall.doctor import examine
    from eventflow_pipeline.warehouse.answers.explain import find_client
    from eventflow_pipeline.warehouse.db.engine import UnreachableError, connect, pipeline

    with whatever_answers() as settings:
        client_id = None
        if client is not None:
            # With the database away there are no findings but those that concern everybody.
            with suppress(UnreachableError), pipeline(settings) as engine, connect(engine) as connection:
                client_id = find_client(connection, client)["id"]
        findings = examine(settings, client_id)
    lines = []
    for f in findings:
        since = f"\n  since    {local_time(f.since, settings.zone)}" if f.since else ""
        cause = f" ({f.cause})" if f.cause else ""
        lines.append(
            f"{f.severity.upper():5}  {f.summary}{since}\n  meaning  {f.meaning}{cause}\n  fix      {f.fix}\n"
            f"  runbook  {settings.docs.runbook_url}#{f.runbook}\n  run      {f.command}"
        )
    data = {
        "healthy": not findings,
        "findings": [
            {name: getattr(f, name) for name in f.__slots__ if name != "severity"} | {"severity": f.severity.value}
            for f in findings
        ],
    }
    answer(as_json, data, "\n\n".join(lines) or "All is well.")
    if findings:
        raise typer.Exit(1)
