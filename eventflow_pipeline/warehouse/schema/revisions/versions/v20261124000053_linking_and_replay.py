"""Linking and replay."""

from eventflow_pipeline.warehouse.schema.revisions import step

revision, down_revision, upgrade, downgrade = step(__file__)
