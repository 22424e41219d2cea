"""A plugin of pytest: the tests of this process read their SQL from the folder that TEST_SQL_FOLDER names."""

import os
from pathlib import Path

from eventflow_pipeline.warehouse.db import sql

# Before anything imports the function by name.
_ROOT = Path(os.environ["TEST_SQL_FOLDER"])
sql.sql_root = lambda: _ROOT
