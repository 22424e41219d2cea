"""``eventflow share``: links that show one client's numbers to whoever has them."""

from typing import Annotated
from uuid import UUID

import typer

from eventflow_pipeline.cli.app import Author, First, Json, answer, app, asked_range, login_name
from eventflow_pipeline.errors import UserError

share = typer.Typer(
    help="Links that show one client's numbers of one range, without signing in.",
    no_args_is_help=True,
    rich_markup_mode=None,
)


app.add_typer(share, name="share")


@share.command()
def add(
    client: Annotated[str, typer.Option(metavar="CLIENT", help="Client whose numbers are shown (id or name).")],
    first: First,
    last: Annotated[str, typer.Option("--to", metavar="DATE", help="Last day, inclusive.")],
    days: Annotated[int, typer.Option(min=1, max=400, help="Days until it expires.")] = 30,
    author: Author = None,
    as_json: Json = False,
) -> None:
    """Make a link to the page, statement and exports of a client over a range, and print it.

    Whoever has the link sees that and nothing else, until it expires or `eventflow share revoke` ends it. It is signed
    with EVENTFLOW_SERVE_KEYS, which `eventflow serve` must have too, and begins with EVENTFLOW_SERVE_SITE_URL.
    """
    from eventflow_pipeline.dev.environment import environment
    from eventflow_pipeline.warehouse.db.engine import pipeline
    from eventflow_pipeline.warehouse.serve.shares import ShareTokens, add_share

    with environment() as settings:
        tokens = ShareTokens(settings.serve)
        span = asked_range(settings, first, last)
        with pipeline(settings) as engine:
            made = add_share(engine, client, span, days, login_name(author))
    site = settings.serve.site_url.rstrip("/") or "http://127.0.0.1:8610"
    link = f"{site}/share/{tokens.token(made['share_id'])}/"
    answer(
        as_json,
        {**made, "link": link},
        f"{link}\nshows {made['client']}, {span}, until {made['expires_at']:%Y-%m-%d %H:%M %Z}; "
        f"`eventflow share revoke {made['share_id']}` ends it.",
    )


@share.command(name="list")
def list_(as_json: Json = False) -> None:
    """List all links, newest first: of which client and range, by whom, until when, and whether they are revoked."""
    from eventflow_pipeline.dev.environment import environment
    from eventflow_pipeline.warehouse.db.engine import pipeline
    from eventflow_pipeline.warehouse.serve.shares import all_shares

    with environment() as settings, pipeline(settings) as engine:
        shares = all_shares(engine)
    lines = [
        f"{found['share_id']}  {found['client'] or found['client_id']}, {found['first_day']}..{found['last_day']}, by "
        f"{found['created_by']}, "
        + (
            f"revoked {found['revoked_at']:%Y-%m-%d} by {found['revoked_by']}"
            if found["revoked_at"]
            else f"until {found['expires_at']:%Y-%m-%d %H:%M %Z}"
        )
        for found in shares
    ]
    answer(as_json, {"shares": shares}, "\n".join(lines) or "Nothing is shared.")


@share.command()
def revoke(
    share_id: Annotated[str, typer.Argument(metavar="ID", help="Id of the link, as `eventflow share list` names it.")],
    author: Author = None,
    as_json: Json = False,
) -> None:
    """End a link at once. Repeating it changes nothing."""
    from eventflow_pipeline.dev.environment import environment
    from eventflow_pipeline.warehouse.db.engine import pipeline
    from eventflow_pipeline.warehouse.serve.shares import revoke_share

    try:
        wanted = UUID(share_id)
    except ValueError as problem:
        raise UserError(f"{share_id!r} is not an id: `eventflow share list` names all.") from problem
    with environment() as settings, pipeline(settings) as engine:
        revoked = revoke_share(engine, wanted, login_name(author))
    answer(as_json, dict(revoked), f"{wanted} is revoked: whoever opens it is told so.")
