"""Dagster's storage as dagster.yaml names it: events go through connections that stay open."""

import dagster as dg

from eventflow_pipeline_tests.databases import Databases


def _check(passed: bool) -> dg.AssetCheckEvaluation:
    return dg.AssetCheckEvaluation(asset_key=dg.AssetKey("a"), check_name="c", passed=passed)


def _connected(databases: Databases, instance: dg.DagsterInstance) -> set[int]:
    name = instance.event_log_storage._engine.url.database  # type: ignore[attr-defined]
    return databases.pids(name)


def test_events_are_stored_without_connecting_anew(instance: dg.DagsterInstance, databases: Databases) -> None:
    instance.report_runless_asset_event(_check(True))
    before = _connected(databases, instance)
    for _ in range(5):
        instance.report_runless_asset_event(_check(True))
    assert before
    assert _connected(databases, instance) == before


def test_a_lost_connection_is_replaced(instance: dg.DagsterInstance, databases: Databases) -> None:
    """As after a restart of the server: the next event must not fail a run."""
    instance.report_runless_asset_event(_check(True))
    for pid in _connected(databases, instance):
        databases.admin(f"select pg_terminate_backend({pid})")
    instance.report_runless_asset_event(_check(False))
    (record,) = instance.event_log_storage.get_asset_check_execution_history(
        dg.AssetCheckKey(dg.AssetKey("a"), "c"), limit=1
    )
    assert record.status.value == "FAILED"
