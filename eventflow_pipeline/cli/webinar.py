"""``eventflow webinar``: sampling presence without Dagster."""

import time
from contextlib import suppress
from typing import Annotated

import typer

from eventflow_pipeline.cli.app import Json, answer, app

webinar = typer.Typer(
    help="Webinar concurrency: take samples by hand or beside Dagster's daemon.",
    no_args_is_help=True,
    rich_markup_mode=None,
)
app.add_typer(webinar, name="webinar")


@webinar.command()
def sample(
    loop: Annotated[
        bool, typer.Option("--loop", help="Go on until Ctrl-C, three polls a minute, one log line a sample.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Sample the viewers of every observed webinar for the current minute of the database's clock.

    Dagster's daemon does this already (sensor sample_webinars_sensor). A second sampler beside it changes nothing: each
    minute keeps its first sample. Use --loop where no daemon runs, or while it is down; presence is overwritten, so
    a minute nobody sampled is lost. With --loop a failed poll is logged and the next one tried.
    """
    from eventflow_pipeline.dev.environment import environment
    from eventflow_pipeline.warehouse.db.engine import pipeline
    from eventflow_pipeline.warehouse.webinar.sampler import POLL_SECONDS, sample_and_log, sample_webinars

    with environment() as settings, pipeline(settings) as engine:
        while loop:
            with suppress(Exception):  # it is in the log, and the next poll is due soon
                sample_and_log(engine, settings.observation)
            time.sleep(POLL_SECONDS)
        samples = sample_webinars(engine, settings.observation)
    answer(
        as_json,
        {"samples": [{"webinar_id": s.webinar_id, "minute": s.minute, "viewers": s.viewers} for s in samples]},
        f"{len(samples)} new samples, {sum(s.viewers for s in samples)} viewers.",
    )
