"""``eventflow report``: the numbers for a settlement."""

from pathlib import Path
from typing import Annotated

import typer

from eventflow_pipeline.cli.app import First, Json, answer, app, asked_range, complain


@app.command()
def report(
    client: Annotated[str, typer.Option(metavar="CLIENT", help="Client to settle with (id or name).")],
    first: First,
    last: Annotated[str, typer.Option("--to", metavar="DATE", help="Last day, inclusive.")],
    out: Annotated[Path, typer.Option(metavar="FILE", help="File to write: .csv, .xlsx or .html with plots.")],
    as_json: Json = False,
) -> None:
    """Write what a settlement needs: totals, campaigns, links and days of a client, exact for the range.

    Beside the numbers stand how current they are (as_of, complete) and the quality of the data (linkage, UTM fill,
    links). Days not computed are an error, not 0. Of a closed month the figures are those that were closed, and what
    changed since stands beside them as adjustments, with the hash of the closing. The file is read back before it takes
    its place: exit status 1, and nothing written, when it does not hold what it should.
    """
    from eventflow_pipeline.dev.environment import environment
    from eventflow_pipeline.domain.months import month_of
    from eventflow_pipeline.reports.settlement import UnreadableReport, write_report
    from eventflow_pipeline.warehouse.answers.settlement import settle_client
    from eventflow_pipeline.warehouse.closing.adjustments import record_adjustments
    from eventflow_pipeline.warehouse.db.engine import connect, pipeline
    from eventflow_pipeline.warehouse.schema.build_settings import require_build_settings

    with environment() as settings:
        days = asked_range(settings, first, last)
        with pipeline(settings) as engine:
            with connect(engine) as connection:
                require_build_settings(connection, settings)
            if month_of(days):
                record_adjustments(engine, settings)
            settlement = settle_client(engine, client, days)
        try:
            write_report(settlement, out, settings.zone)
        except UnreadableReport as problem:
            complain(str(problem))
            raise typer.Exit(1) from problem
    closing = settlement.closing
    numbers = {name: settlement.totals[name] for name in ("visits", "conversions", "hits")}
    answer(
        as_json,
        {
            "client_id": settlement.client_id, "from": days.first, "to": days.last, "out": out, **numbers,
            "as_of": settlement.as_of, "complete": settlement.complete,
            "closed": closing and {name: closing[name] for name in ("entry_no", "version", "hash")},
            "adjustments": len({row["entry_no"] for row in settlement.adjustments}),
        },
        f"{out}: {numbers['visits']:,} visits, {numbers['conversions']:,} conversions, {days}, "
        + (f"complete as of {settlement.as_of:%Y-%m-%d %H:%M %Z}" if settlement.complete else "NOT complete")
        + (f"; closed, hash {closing['hash']}." if closing else "."),
    )  # fmt: skip
