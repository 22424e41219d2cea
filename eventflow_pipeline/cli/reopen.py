"""``eventflow reopen``: a closed month may be closed anew."""

from typing import Annotated

import typer

from eventflow_pipeline.cli.app import Json, Yes, agreed, answer, app
from eventflow_pipeline.cli.close import AskedMonth, NamedAuthor, require_text
from eventflow_pipeline.domain.months import parse_month


@app.command()
def reopen(
    month: AskedMonth,
    client: Annotated[str, typer.Option(metavar="CLIENT", help="Whose month: id or name.")],
    author: NamedAuthor,
    reason: Annotated[str, typer.Option(metavar="TEXT", help="Why; kept with the closing.")],
    yes: Yes = False,
    as_json: Json = False,
) -> None:
    """Reopen a client's closed month. Its figures, hash and adjustments stay; closing it again is a new version beside.

    Until then the month has no adjustments, and its statement says what is published now.
    """
    from eventflow_pipeline.dev.environment import environment
    from eventflow_pipeline.warehouse.closing.closings import reopen as reopen_month
    from eventflow_pipeline.warehouse.db.engine import connect, pipeline
    from eventflow_pipeline.warehouse.schema.build_settings import require_build_settings

    asked = parse_month(month)
    require_text("--author", author)
    require_text("--reason", reason)
    with environment() as settings, pipeline(settings) as engine:
        with connect(engine) as connection:
            require_build_settings(connection, settings)
        agreed(yes, f"This reopens {asked} of {client}, which statements were made from")
        found, version = reopen_month(engine, settings, asked, client, author, reason)
    answer(
        as_json,
        {"month": str(asked), "client_id": found["id"], "client": found["name"], "version": version},
        f"{asked} of {found['name']} is open again; version {version} stays beside what is closed next.",
    )
