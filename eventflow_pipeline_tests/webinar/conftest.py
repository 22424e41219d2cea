"""Fixtures of the webinar tests."""

from eventflow_pipeline_tests.webinar.broadcast import broadcast

__all__ = ["broadcast"]
