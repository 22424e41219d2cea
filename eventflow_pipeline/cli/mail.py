"""``eventflow mail``: statements of a closed month to whom they are for."""

from typing import Annotated

import typer

from eventflow_pipeline.cli.app import Json, answer, app, exit_status
from eventflow_pipeline.cli.close import AskedMonth, closed_client
from eventflow_pipeline.domain.months import parse_month
from eventflow_pipeline.errors import UserError


@app.command()
def mail(
    month: AskedMonth,
    client: Annotated[str | None, typer.Option(metavar="CLIENT", help="Only this client (id or name).")] = None,
    again: Annotated[
        bool, typer.Option("--again", help="Also where sending was interrupted: it may have been sent.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Mail the statements of a closed month now, as a page and as a workbook, each to each recipient once.

    Recipients are those of EVENTFLOW_MAIL_RECIPIENTS; mail_statements_job does the same every morning for months closed
    within a week. What was sent is not sent again; a month closed again after `eventflow reopen` is another statement.
    Exit status 1 when one was refused, or when it is not known whether it was taken.

    Example: eventflow mail --month 2026-10
    """
    from eventflow_pipeline.dev.environment import environment
    from eventflow_pipeline.reports.mailing import mail_statements, require_mail
    from eventflow_pipeline.warehouse.closing.mailings import closings_in_force
    from eventflow_pipeline.warehouse.db.engine import connect, pipeline
    from eventflow_pipeline.warehouse.schema.build_settings import require_build_settings

    asked = parse_month(month)
    with environment() as settings, pipeline(settings) as engine:
        with connect(engine) as connection:
            require_build_settings(connection, settings)
            client_id = closed_client(connection, client)
        require_mail(settings)
        closings = closings_in_force(engine, month=asked, client_id=client_id)
        if not closings:
            raise UserError(f"{asked} is closed for nobody asked for: eventflow close --month {asked} --author NAME.")
        done = mail_statements(engine, settings, closings, again=again)
        addresses = settings.mail.by_client()
    nobody = [closing.client for closing in closings if not addresses.get(closing.client_id)]
    failed = [mailing for mailing in done if mailing.failed]
    lines = [f"{mailing}." for mailing in done]
    if nobody:
        lines.append(f"EVENTFLOW_MAIL_RECIPIENTS names nobody for {', '.join(nobody)}.")
    mailings = [
        {"client_id": m.closing.client_id, "client": m.closing.client, "version": m.closing.version,
         "recipient": m.place, "outcome": m.outcome, "reason": m.reason or None}
        for m in done
    ]  # fmt: skip
    answer(as_json, {"month": str(asked), "mailings": mailings, "without_recipients": nobody}, "\n".join(lines))
    exit_status(failed=failed, held=())
