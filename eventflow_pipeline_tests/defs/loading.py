"""Loading the definitions for one test's settings: partitions are fixed when a module is imported."""

import importlib
import sys

import dagster as dg


def load_definitions() -> dg.Definitions:
    """The definitions as a fresh process would load them under the present environment."""
    for name in list(sys.modules):
        if name == "eventflow_pipeline.definitions" or name.startswith("eventflow_pipeline.defs."):
            del sys.modules[name]
    definitions: dg.Definitions = importlib.import_module("eventflow_pipeline.definitions").defs
    return definitions
