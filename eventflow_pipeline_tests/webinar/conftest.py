"""Fixtures of the webinar tests."""

from eventflow_pipeline_tests.worlds.broadcast import broadcast

__all__ = ["broadcast"]
