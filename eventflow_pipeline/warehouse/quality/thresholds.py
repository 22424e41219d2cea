"""The thresholds in force: the settings', and those stored for single clients."""

from sqlalchemy import Engine

from eventflow_pipeline.domain.deficit import DeficitRule
from eventflow_pipeline.domain.quality import Judge, Threshold
from eventflow_pipeline.settings import Settings
from eventflow_pipeline.warehouse.db.engine import connect
from eventflow_pipeline.warehouse.db.sql import statement


def judge(engine: Engine, settings: Settings) -> Judge:
    """Thresholds in force now: the settings', and those stored for single clients."""
    with connect(engine) as connection:
        rows = connection.execute(statement("storage/quality/select_overrides")).all()
    return Judge(
        thresholds=settings.quality.thresholds,
        overrides={(row.client_id, row.name): Threshold(row.warn, row.error) for row in rows},
        minimum_volume=settings.quality.minimum_volume,
        deficit_rule=deficit_rule(settings),
    )


def deficit_rule(settings: Settings) -> DeficitRule:
    """When visits are too few for the entries there are (Q6), for every client without shares of its own."""
    return DeficitRule(
        settings.quality.deficit_min_entries, settings.quality.deficit_error_share, settings.quality.deficit_warn_share
    )
