"""``eventflow capture serve`` and ``replay``: taking facts in, and those that were refused at first."""

from typing import Annotated

import typer

from eventflow_pipeline.cli.app import Json, answer, app

capture = typer.Typer(help="Take visits and registrations in.", no_args_is_help=True, rich_markup_mode=None)
app.add_typer(capture, name="capture")


@capture.command()
def serve(
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=1, max=65535, help="Port to listen on.")] = 8600,
    demo_pages: Annotated[
        bool, typer.Option("--demo-pages", help="Also serve the demo's pages under /demo/. Development only.")
    ] = False,
) -> None:
    """Serve POST /visit, /entry and /presence, short links /l/{cid or id}, and /health.

    Needs EVENTFLOW_CAPTURE_KEYS, which sign the cookies, and a migrated database; comes up, and keeps taking
    events in memory, while the database is away. A stop (SIGTERM) first stores what is queued. Set
    EVENTFLOW_CAPTURE_ORIGINS to the sites whose pages may call. /openapi.json describes every call.
    """
    from eventflow_pipeline.capture_app.serve import serve as run
    from eventflow_pipeline.local import environment
    from eventflow_pipeline.settings import load_settings

    if load_settings().database_url is not None:
        run(load_settings(), host, port, pages=demo_pages)
        return
    with environment() as settings:
        run(settings, host, port, pages=demo_pages)


@app.command()
def replay(
    limit: Annotated[int | None, typer.Option(min=1, help="Dead letters to try. Default: all that wait.")] = None,
    as_json: Json = False,
) -> None:
    """Try dead letters again: captured events whose row the fact table refused.

    A letter becomes a fact once what was missing is there, such as its campaign. One refused for its link alone
    is stored without it after EVENTFLOW_CAPTURE_LINK_GRACE_SECONDS. Dagster does this every minute by itself.
    Exit status 1 when some were refused again; `select * from stats.dead_letter` (all but payload) says why.
    """
    from eventflow_pipeline.local import environment
    from eventflow_pipeline.warehouse.capture import replay_dead_letters
    from eventflow_pipeline.warehouse.engine import pipeline_engine

    with environment() as settings:
        done = replay_dead_letters(pipeline_engine(settings), settings, limit)
    answer(
        as_json,
        {"replayed": done.replayed, "refused": done.refused, "expired": done.expired},
        f"{done.replayed} dead letters became facts, {done.refused} were refused again, {done.expired} expired.",
    )
    if done.refused:
        raise typer.Exit(1)
