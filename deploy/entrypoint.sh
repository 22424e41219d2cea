#!/bin/sh
# Dagster reads its instance from its home, which is writable and may be an empty tmpfs.
set -eu
cp /etc/eventflow/dagster.yaml "$DAGSTER_HOME/dagster.yaml"
exec "$@"
