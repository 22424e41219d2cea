"""``eventflow replay``: dead letters, tried again."""

from typing import Annotated

import typer

from eventflow_pipeline.cli.app import Json, answer, app


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
    from eventflow_pipeline.dev.environment import environment
    from eventflow_pipeline.warehouse.capture.dead_letters import replay_dead_letters
    from eventflow_pipeline.warehouse.db.engine import pipeline

    with environment() as settings, pipeline(settings) as engine:
        done = replay_dead_letters(engine, settings, limit)
    answer(
        as_json,
        {"replayed": done.replayed, "refused": done.refused, "expired": done.expired},
        f"{done.replayed} dead letters became facts, {done.refused} were refused again, {done.expired} expired.",
    )
    if done.refused:
        raise typer.Exit(1)
