"""Sample data behind ``eventflow sample``: a deterministic generator with every known trap, and a loader."""

from eventflow_pipeline.sample.generate import generate
from eventflow_pipeline.sample.load import load
from eventflow_pipeline.sample.members import agency_user, client_user
from eventflow_pipeline.sample.options import SampleOptions, SampleRefused
from eventflow_pipeline.sample.rows import Sample
from eventflow_pipeline.sample.traps import TRAPS

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
