"""``eventflow adjustments``: what changed in closed months."""

from typing import Annotated, Any

import typer

from eventflow_pipeline.cli.app import Json, answer, app, exit_status
from eventflow_pipeline.cli.close import closed_client
from eventflow_pipeline.domain.months import parse_month


@app.command()
def adjustments(
    month: Annotated[
        str | None, typer.Option("--month", metavar="YYYY-MM", help="Only this month. Default: every closed month.")
    ] = None,
    client: Annotated[str | None, typer.Option(metavar="CLIENT", help="Only this client (id or name).")] = None,
    as_json: Json = False,
) -> None:
    """List adjustments of closed months: by how much each figure differs from what was closed, on which days, and why.

    What changed since the last look is recorded first: figures now less closed and adjusted before, at the month's own
    range, so that closed plus all adjustments is what is published. A month with a day that is missing or waits to be
    computed is recorded later, and exit status is 3 then. Entries of the chain that are not what was written are named,
    and exit status is 1 (docs/runbook.md#closings-altered).
    """
    from eventflow_pipeline.dev.environment import environment
    from eventflow_pipeline.warehouse.closing.adjustments import adjustments as recorded_adjustments
    from eventflow_pipeline.warehouse.closing.adjustments import record_adjustments
    from eventflow_pipeline.warehouse.closing.chain import check_chain
    from eventflow_pipeline.warehouse.db.engine import connect, pipeline
    from eventflow_pipeline.warehouse.schema.build_settings import require_build_settings

    asked = parse_month(month) if month else None
    with environment() as settings, pipeline(settings) as engine:
        with connect(engine) as connection:
            require_build_settings(connection, settings)
            client_id = closed_client(connection, client)
        recorded = record_adjustments(engine, settings)
        rows = recorded_adjustments(engine, asked, client_id)
        altered = [str(entry) for entry in check_chain(engine)[1]]
    waiting = [month for month in recorded.waiting if asked in (None, month)]
    lines = [line for row in rows for line in _lines(row)] or ["No figure of a closed month has changed."]
    if waiting:
        lines.append(f"Not compared until their days are computed (`eventflow heal`): {', '.join(map(str, waiting))}.")
    lines += [f"ALTERED: {entry}." for entry in altered]
    data = {"adjustments": [_data(row) for row in rows], "waiting": [str(month) for month in waiting]}
    data["altered"] = altered
    answer(as_json, data, "\n".join(lines))
    exit_status(failed=altered, held=waiting)


def _data(row: Any) -> dict[str, Any]:
    return {**row, "month": f"{row['month']:%Y-%m}"}


def _lines(row: Any) -> list[str]:
    days = ", ".join(f"{day['date']} ({', '.join(day['causes']) or 'computed again'})" for day in row["days"])
    lines = [
        f"{row['month']:%Y-%m} {row['client']}, version {row['version']}, entry {row['entry_no']} of "
        f"{row['recorded_at']:%Y-%m-%d}: {days or 'no day differs'}"
    ]
    for figure in row["figures"]:
        keys = (figure["entity_type"], figure["entity_id"], figure["link_status"], figure["link_id"])
        named = " ".join(str(key) for key in keys if key is not None)
        lines.append(
            f"  {figure['grain']:8} {named}: {figure['visits']:+,} visits, {figure['conversions']:+,} conversions, "
            f"{figure['hits']:+,} hits"
        )
    return lines
