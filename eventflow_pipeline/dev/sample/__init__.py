"""Sample data behind ``eventflow sample``: a deterministic generator with every known trap, and a loader."""

from eventflow_pipeline.dev.sample.dimensions import agency_user, client_user
from eventflow_pipeline.dev.sample.generate import generate
from eventflow_pipeline.dev.sample.load import load
from eventflow_pipeline.dev.sample.options import SampleOptions, SampleRefused
from eventflow_pipeline.dev.sample.rows import Sample
from eventflow_pipeline.dev.sample.traps import TRAPS

__all__ = [
    "TRAPS",
    "Sample",
    "SampleOptions",
    "SampleRefused",
    "agency_user",
    "client_user",
    "generate",
    "load",
]
