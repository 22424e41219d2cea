"""Backfills as somebody launches them in the user interface: its mutations, run by Dagster's own backfill engine."""

import asyncio
import logging
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
from dagster._core.execution.backfill import BULK_ACTION_TERMINAL_STATUSES
from dagster._core.workspace.context import WorkspaceProcessContext
from dagster._core.workspace.load_target import ModuleTarget
from dagster._daemon.backfill import execute_backfill_iteration
from dagster_graphql.schema import create_schema

from eventflow_pipeline.dev.dagster_process import LAUNCH_BACKFILL
from eventflow_pipeline_tests.databases import Database

CAMPAIGN = dg.AssetKey(["stats", "campaign_daily"])
_BACKFILL_AGAIN = """
mutation Again($params: ReexecutionParams!) { reexecutePartitionBackfill(reexecutionParams: $params) { __typename
  ... on LaunchBackfillSuccess { backfillId } ... on PythonError { message } } }
"""
_RUN_AGAIN = """
mutation Again($params: ReexecutionParams!) { launchRunReexecution(reexecutionParams: $params) { __typename
  ... on LaunchRunSuccess { run { runId } } ... on PythonError { message } } }
"""
#: Runs start at once and in this process: what is tested is which runs there are.
_AT_ONCE = """
storage: {postgres: {postgres_url: {env: DAGSTER_POSTGRES_URL}}}
run_launcher: {module: dagster._core.launcher.sync_in_memory_run_launcher, class: SyncInMemoryRunLauncher}
run_coordinator: {module: dagster._core.run_coordinator.default_run_coordinator, class: DefaultRunCoordinator}
telemetry: {enabled: false}
"""


class Interface:
    """The user interface's side of Dagster, and the daemon that works on backfills."""

    def __init__(self, context: WorkspaceProcessContext) -> None:
        self._context = context
        self._schema = create_schema()

    def launch(self, mutation: str, params: dict[str, Any]) -> str:
        """Launch a backfill; returns its id."""
        return str(self._answer(mutation, params, "LaunchBackfillSuccess")["backfillId"])

    def launch_run(self, mutation: str, params: dict[str, Any]) -> dg.DagsterRun:
        """Launch a run; returns it as it has ended."""
        launched = self._answer(mutation, params, "LaunchRunSuccess")
        run = self._context.instance.get_run_by_id(launched["run"]["runId"])
        assert run
        return run

    def _answer(self, mutation: str, params: dict[str, Any], expected: str) -> dict[str, Any]:
        with self._context.create_request_context() as request:
            asked = self._schema.execute_async(mutation, context_value=request, variable_values={"params": params})
            result = asyncio.run(asked)
        assert not result.errors, result.errors
        assert result.data
        answer: dict[str, Any]
        (answer,) = result.data.values()
        assert answer["__typename"] == expected, answer
        return answer

    def finish(self, backfill_id: str) -> tuple[str, list[dg.DagsterRun]]:
        """Let the daemon work until the backfill is over; returns its status and its runs."""
        instance = self._context.instance
        for _ in range(10):
            problems = [p for p in execute_backfill_iteration(self._context, logging.getLogger("backfill")) if p]
            assert not problems, problems
            backfill = instance.get_backfill(backfill_id)
            assert backfill
            if backfill.status in BULK_ACTION_TERMINAL_STATUSES:
                runs = instance.get_runs(dg.RunsFilter(tags={"dagster/backfill": backfill_id}))
                return backfill.status.value, list(runs)
        raise AssertionError("the backfill did not end")


@pytest.fixture
def interface(instance: dg.DagsterInstance, defs: dg.Definitions) -> Iterator[Interface]:
    """A workspace with the code location, on an instance whose runs start at once."""
    Path(os.environ["DAGSTER_HOME"], "dagster.yaml").write_text(_AT_ONCE)
    target = ModuleTarget("eventflow_pipeline.definitions", None, str(Path.cwd()), "eventflow_pipeline")
    with dg.DagsterInstance.get() as at_once, WorkspaceProcessContext(at_once, target) as context:
        yield Interface(context)


@pytest.mark.slow
@pytest.mark.long
def test_reexecuting_from_failure_runs_only_what_is_left(
    interface: Interface, database: Database, instance: dg.DagsterInstance
) -> None:
    from eventflow_pipeline.defs.buckets import ASSET_KEYS

    days = [f"2024-03-0{day}" for day in range(1, 6)]

    def broken(*days: str) -> None:
        database.execute("alter table stats.partition_state drop constraint if exists no")
        for refused in filter(None, [", ".join(f"'{day}'" for day in days)]):
            database.execute(
                f"alter table stats.partition_state add constraint no check (bucket_date not in ({refused}))"
            )

    broken("2024-03-03", "2024-03-04")
    first = interface.launch(
        LAUNCH_BACKFILL,
        {
            "assetSelection": [{"path": list(key.path)} for key in ASSET_KEYS],
            "partitionNames": days,
            "title": "correct March",
            "tags": [{"key": "ticket", "value": "EF-9"}],
        },
    )
    status, (run,) = interface.finish(first)
    assert status == "COMPLETED_FAILED"
    assert (run.tags["ticket"], _range(run)) == ("EF-9", ("2024-03-01", "2024-03-05")), "one run for the whole range"
    assert instance.get_materialized_partitions(CAMPAIGN) == set(days) - {"2024-03-03", "2024-03-04"}
    # The backfill, from failure: a run over the days that are left.
    broken("2024-03-03")
    again = interface.launch(_BACKFILL_AGAIN, {"parentRunId": first, "strategy": "FROM_FAILURE"})
    status, (run,) = interface.finish(again)
    assert status == "COMPLETED_FAILED"
    assert (run.tags["ticket"], _range(run)) == ("EF-9", ("2024-03-03", "2024-03-04"))
    assert instance.get_materialized_partitions(CAMPAIGN) == set(days) - {"2024-03-03"}
    # That run, from failure: the same days, of which it replaces what is left.
    broken()
    run = interface.launch_run(_RUN_AGAIN, {"parentRunId": run.run_id, "strategy": "FROM_FAILURE"})
    assert (run.status, _range(run)) == (dg.DagsterRunStatus.SUCCESS, ("2024-03-03", "2024-03-04"))
    replaced = "select bucket_date::text as day from stats.day_ledger where run_id = :run and grain = 'platform'"
    assert database.rows(replaced, run=run.run_id) == [{"day": "2024-03-03"}]
    assert instance.get_materialized_partitions(CAMPAIGN) == set(days)
    reasons = database.rows("select distinct reason from stats.day_ledger")
    assert reasons == [{"reason": "backfill: EF-9"}]


@pytest.mark.slow
@pytest.mark.long
def test_a_long_range_is_several_runs_each_of_every_asset(
    monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest
) -> None:
    """What *Materialize all*, All, Launch asks for."""
    monkeypatch.setenv("EVENTFLOW_RUNS_MAX_DAYS", "2")
    interface: Interface = request.getfixturevalue("interface")
    defs: dg.Definitions = request.getfixturevalue("defs")
    graph = defs.resolve_asset_graph()
    everything = {key for key in graph.materializable_asset_keys if graph.get(key).is_partitioned}
    backfill = interface.launch(
        LAUNCH_BACKFILL,
        {
            "assetSelection": [{"path": list(key.path)} for key in sorted(everything)],
            "partitionNames": [f"2024-03-0{day}" for day in range(1, 4)],
            "title": "everything",
        },
    )
    status, runs = interface.finish(backfill)
    assert status == "COMPLETED_SUCCESS"
    assert sorted(map(_range, runs)) == [
        ("2024-03-01", "2024-03-02"),
        ("2024-03-03", "2024-03-03"),
    ]
    assert all(run.asset_selection == everything for run in runs)


def _range(run: dg.DagsterRun) -> tuple[str, str]:
    return run.tags["dagster/asset_partition_range_start"], run.tags["dagster/asset_partition_range_end"]
