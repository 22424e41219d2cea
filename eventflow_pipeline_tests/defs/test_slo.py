"""The objectives of the service: measured by command and in Dagster alike, missed where something is amiss."""

import json
from datetime import UTC, datetime, timedelta

import dagster as dg
import pytest

from eventflow_pipeline.domain.days import today
from eventflow_pipeline.errors import UserError
from eventflow_pipeline.warehouse.answers.slo import objectives
from eventflow_pipeline_tests.command_line import Eventflow
from eventflow_pipeline_tests.databases import Database


def test_the_asset_shows_what_the_command_measures(
    database: Database, defs: dg.Definitions, instance: dg.DagsterInstance, eventflow: Eventflow
) -> None:
    """Two days are over: one is computed and was compared with its facts, one was never computed; an error is open."""
    newest = today(database.settings.zone)
    good = newest - timedelta(days=1)
    database.replace(good)
    database.execute(
        "insert into stats.day_check select bucket_date, 'parity', day_fingerprint, now() from stats.partition_state"
    )
    database.execute(
        "insert into stats.incident (key, name, subject, begun_at, source, severity, owner, since, summary, fix, "
        "runbook, command, last_seen_at, notified_severity, false_alarm, acknowledged_at, gone_at) "
        "values ('k', 'stale', '', now(), 's', 'error', 'team:eventflow', now(), '', '', '', '', now(), 'error', true, "
        "now() + interval '20 min', now() + interval '1 hour')"
    )
    settings = database.settings.changed(start_date=newest - timedelta(days=2))
    found = {o.name: o for o in objectives(database.pipeline, settings, datetime.now(UTC))}
    assert (found["days complete"].reached, found["days verified"].reached) == (50, 50)
    assert {name: o.reached for name, o in found.items() if not o.met} == {
        "days complete": 50, "days verified": 50, "answered after (median)": 20
    }  # fmt: skip
    with pytest.raises(UserError, match="tomorrow"):
        objectives(database.pipeline, database.settings.changed(start_date=newest), datetime.now(UTC))

    done = eventflow("slo", "--json")
    assert done.returncode == 1
    measured = {o["name"].replace(" ", "_"): o["reached"] for o in json.loads(done.stdout)["objectives"]}
    assert defs.resolve_job_def("slo_job").execute_in_process(instance=instance).success
    (record,) = instance.fetch_materializations(dg.AssetKey("slo"), limit=2).records
    assert record.asset_materialization
    shown = {name: value.value for name, value in record.asset_materialization.metadata.items()}
    aging = {"age_of_change_detection"}
    assert {name: shown[name] for name in measured if measured[name] is not None and name not in aging} == {
        name: pytest.approx(reached) for name, reached in measured.items() if reached is not None and name not in aging
    }
    assert shown["missed"] == 3
