"""Settings that are fixed when Dagster loads the definitions: another value needs the code location reloaded.

All others are read again by every run and every tick (``resources.Warehouse``).
"""

from eventflow_pipeline.settings import load_settings

_SETTINGS = load_settings()
#: Of partitions and of every schedule but those in UTC.
TIMEZONE = _SETTINGS.timezone
START_DATE = _SETTINGS.start_date
DAYS_PER_RUN = _SETTINGS.runs.max_days
#: Seconds between polls for changed days, and for what people must be notified of.
CHANGES_SECONDS = _SETTINGS.changes.interval_seconds
ALERTS_SECONDS = _SETTINGS.alerts.interval_seconds
