"""The only place that imports what is private to Dagster (``dagster._*``); ruff refuses it elsewhere."""

#: Minor version of Dagster whose tables, classes and calls are used here; a test compares it with the installed one.
VERIFIED_WITH = "1.13"
