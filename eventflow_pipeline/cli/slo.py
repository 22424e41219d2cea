"""``eventflow slo``: what is promised of the service, and what was reached."""

from dataclasses import asdict
from typing import Annotated

import typer

from eventflow_pipeline.cli.app import Json, answer, app


@app.command()
def slo(
    days: Annotated[int, typer.Option("--days", min=1, max=366, help="Business days, the newest that are over.")] = 28,
    as_json: Json = False,
) -> None:
    """Show the service's objectives over the last days: freshness, days complete, parity, incidents, false alarms.

    docs/slo.md says what each means. Exit status 1 when one was not met.
    """
    from datetime import UTC, datetime

    from eventflow_pipeline.dev.environment import environment
    from eventflow_pipeline.warehouse.answers.slo import objectives
    from eventflow_pipeline.warehouse.db.engine import connect, pipeline
    from eventflow_pipeline.warehouse.schema.build_settings import require_build_settings

    with environment() as settings, pipeline(settings) as engine:
        with connect(engine) as connection:
            require_build_settings(connection, settings)
        found = objectives(engine, settings, datetime.now(UTC), days)
    lines = [
        f"{'met ' if o.met else 'MISSED'}  {o.name}: "
        + ("nothing to measure" if o.reached is None else f"{o.reached:.4g} {o.unit}".strip())
        + f" ({o.promised})"
        for o in found
    ]
    answer(as_json, {"days": days, "objectives": [asdict(o) for o in found]}, "\n".join(lines))
    if not all(o.met for o in found):
        raise typer.Exit(1)
