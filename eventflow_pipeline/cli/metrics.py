"""``eventflow metrics``: what Prometheus reads of the pipeline, printed once or served."""

import threading
from typing import Annotated

import typer

from eventflow_pipeline.cli.app import app
from eventflow_pipeline.errors import UserError


@app.command()
def metrics(
    port: Annotated[
        int | None,
        typer.Option(
            metavar="PORT", min=1, max=65535, help="Serve them at http://127.0.0.1:PORT/metrics until stopped."
        ),
    ] = None,
    host: Annotated[str, typer.Option(help="Address to listen on, with --port.")] = "127.0.0.1",
) -> None:
    """Metrics in Prometheus' format: age of change detection, ticks and heartbeats, stale and held days, findings.

    Without --port they are printed once, for node_exporter's textfile collector: write them to a file beside it and
    rename that. Rules and a dashboard for both are in deploy/. They name no client.
    """
    from prometheus_client import generate_latest, start_http_server

    from eventflow_pipeline.dev.environment import environment
    from eventflow_pipeline.oncall.metrics import pipeline_metrics

    with environment(dagster=True) as settings:
        registry = pipeline_metrics(settings)
        if port is None:
            typer.echo(generate_latest(registry), nl=False)
            return
        try:
            server, thread = start_http_server(port, host, registry)
        except OSError as problem:
            raise UserError(
                f"Port {port} on {host} cannot be used ({problem.strerror}): choose others with --port and --host."
            ) from problem
        typer.echo(f"http://{host}:{port}/metrics (Ctrl-C ends it)", err=True)
        try:
            threading.Event().wait()
        finally:
            server.shutdown()
            server.server_close()
            thread.join()
