"""The whole Dagster surface as a snapshot, and the registries that must agree with it."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import dagster as dg
import yaml
from dagster._core.definitions.freshness import CronFreshnessPolicy
from syrupy.assertion import SnapshotAssertion
from syrupy.extensions.json import JSONSnapshotExtension

from eventflow_pipeline.definitions import defs
from eventflow_pipeline.domain.grains import GRAINS, KEY_COLUMNS
from eventflow_pipeline.settings import packaged
from eventflow_pipeline_tests.databases import Database


def _names(keys: Iterable[dg.AssetKey | dg.AssetCheckKey]) -> list[str]:
    return sorted(
        key.to_user_string() if isinstance(key, dg.AssetKey) else f"{key.asset_key.to_user_string()}:{key.name}"
        for key in keys
    )


def _surface() -> dict[str, Any]:
    specs = sorted(defs.resolve_all_asset_specs(), key=lambda spec: spec.key.to_user_string())
    jobs = [job for job in defs.resolve_all_job_defs() if not job.name.startswith("__")]
    repository = defs.get_repository_def()
    return {
        "assets": {
            spec.key.to_user_string(): {
                "deps": sorted(dep.asset_key.to_user_string() for dep in spec.deps),
                "group": spec.group_name,
                "kinds": sorted(spec.kinds),
                "owners": list(spec.owners),
                "freshness": repr(spec.freshness_policy) if spec.freshness_policy else None,
                "partitions": repr(spec.partitions_def) if spec.partitions_def else None,
                "description": spec.description,
                "columns": [c.name for c in spec.metadata.get("dagster/column_schema", dg.TableSchema([])).columns],
                "metadata": sorted(spec.metadata),
            }
            for spec in specs
        },
        "checks": _names(repository.asset_checks_defs_by_key),
        "jobs": {
            job.name: {
                "steps": sorted(node.name for node in job.nodes_in_topological_order),
                "assets": _names(job.asset_layer.selected_asset_keys),
                "checks": _names(job.asset_layer.asset_graph.asset_check_keys),
            }
            for job in jobs
        },
        "schedules": {
            s.name: {"cron": s.cron_schedule, "zone": s.execution_timezone, "job": s.job_name}
            for s in repository.schedule_defs
        },
        "sensors": {s.name: s.minimum_interval_seconds for s in repository.sensor_defs},
    }


def test_definitions_load() -> None:
    dg.Definitions.validate_loadable(defs)


def test_surface_is_what_it_was(snapshot: SnapshotAssertion) -> None:
    """A change here is a change for everyone who schedules, alerts or looks: update knowingly (--snapshot-update)."""
    assert _surface() == snapshot(extension_class=JSONSnapshotExtension)


def test_jobs_schedules_and_sensors_are_named_as_what_they_are() -> None:
    repository = defs.get_repository_def()
    jobs = [job for job in defs.resolve_all_job_defs() if not job.name.startswith("__")]
    names = {
        "_job": [job.name for job in jobs],
        "_schedule": [schedule.name for schedule in repository.schedule_defs],
        "_sensor": [sensor.name for sensor in repository.sensor_defs],
    }
    for ending, named in names.items():
        assert [name for name in named if not name.endswith(ending)] == []


def test_what_a_schedule_of_the_night_writes_is_fresh_when_it_has() -> None:
    """The window of the policy begins before the schedule's minute and ends after it; no asset of its job has none."""
    specs = {spec.key: spec for spec in defs.resolve_all_asset_specs()}
    verified = dg.AssetKey("verified_days")
    written = defs.resolve_job_def("daily_buckets_job").asset_layer.selected_asset_keys
    found = {}
    for name, keys in {"finalize_days_schedule": written, "verify_days_schedule": {verified}}.items():
        schedule = defs.resolve_schedule_def(name)
        for key in keys:
            found[key] = policy = specs[key].freshness_policy
            assert isinstance(policy, CronFreshnessPolicy)
            assert policy.timezone == schedule.execution_timezone
            deadline, at = (_minutes(cron) for cron in (policy.deadline_cron, schedule.cron_schedule))
            assert deadline - policy.lower_bound_delta.total_seconds() / 60 <= at < deadline
    assert {key for key, spec in specs.items() if spec.freshness_policy} == found.keys()


def _minutes(cron: Any) -> int:
    minute, hour, *every_day = cron.split()
    assert every_day == ["*"] * 3
    return int(hour) * 60 + int(minute)


def test_sql_and_python_list_the_same_grains(database: Database) -> None:
    stored = database.rows("select name, key_columns from stats.grain order by position")
    assert [(row["name"], tuple(row["key_columns"])) for row in stored] == [(g.name, g.keys) for g in GRAINS]


def test_the_catalog_shows_the_types_and_texts_of_the_database(database: Database) -> None:
    stored = database.rows(
        "select attrelid::regclass::text as name, attname as column, format_type(atttypid, null) as type, "
        "col_description(attrelid, attnum) as content "
        "from pg_attribute join pg_class c on c.oid = attrelid "
        "where c.relnamespace = 'stats'::regnamespace and attnum > 0"
    )
    columns = {(row["name"], row["column"]): (row["type"], row["content"]) for row in stored}
    types = {"timestamptz": "timestamp with time zone"}
    for spec in defs.resolve_all_asset_specs():
        table = spec.metadata.get("dagster/table_name", "")
        if not table.startswith("stats."):
            continue
        for column in spec.metadata["dagster/column_schema"].columns:
            kind, content = columns[table, column.name]
            assert kind == types.get(column.type, column.type), (table, column.name)
            # Behind it where the column comes from: Dagster shows its lineage nowhere.
            sources = spec.metadata.get("dagster/column_lineage", dg.TableColumnLineage({})).deps_by_column
            named = {f"{s.asset_key.path[-1]}.{s.column_name}" for s in sources.get(column.name, ())}
            said, _, origin = column.description.partition(" From ")
            assert said == content, (table, column.name)
            assert {*filter(None, origin.removesuffix(".").split(", "))} == named, (table, column.name)


def test_every_column_that_readers_may_see_says_what_it_holds(database: Database) -> None:
    silent = database.rows(
        "select a.attrelid::regclass::text as name, a.attname as column "
        "from pg_policy p join pg_attribute a on a.attrelid = p.polrelid and a.attnum > 0 and not a.attisdropped "
        "where p.polname = 'tenant_read' and col_description(a.attrelid, a.attnum) is null"
    )
    assert silent == []


def test_every_grain_has_a_table_keyed_by_its_columns(database: Database) -> None:
    """A unique index of each grain's partition, NULLs not distinct (B3), over the day and the grain's own key.

    Key columns that are none of the grain's are NULL in its partition: a check constraint.
    """
    found = database.rows(
        "select i.indrelid::regclass::text as name, array_agg(a.attname::text order by k.position) as columns, "
        "i.indnullsnotdistinct as nulls_equal, i.indisvalid as valid "
        "from pg_inherits h join pg_index i on i.indrelid = h.inhrelid and i.indisunique "
        "cross join unnest(i.indkey) with ordinality as k (number, position) "
        "join pg_attribute a on a.attrelid = i.indrelid and a.attnum = k.number "
        "where h.inhparent = 'stats.bucket_daily'::regclass group by i.indexrelid, 1, 3, 4"
    )
    indexes = {row["name"]: row for row in found}
    assert len(indexes) == len(found)
    assert indexes.keys() == {f"stats.{grain.table}" for grain in GRAINS}
    for grain in GRAINS:
        index = indexes[f"stats.{grain.table}"]
        assert sorted(index["columns"]) == sorted(["bucket_date", *grain.keys])
        # One client's days are read from here.
        assert "client_id" not in grain.keys or index["columns"][:2] == ["client_id", "bucket_date"]
        assert index["nulls_equal"]
        assert index["valid"]
    assert all(set(grain.keys) <= set(KEY_COLUMNS) for grain in GRAINS)


def test_assets_of_one_step_have_the_same_partitioned_parents() -> None:
    """Else Dagster refuses a backfill that holds them and a parent, in some processes, by the order of its sets."""
    graph = defs.resolve_asset_graph()
    for key in graph.get_all_asset_keys():
        together = graph.get(key).execution_set_asset_keys
        root = not any(graph.get(p).is_partitioned for p in graph.get(key).parent_keys)
        parents = {
            member: frozenset(p for p in graph.get(member).parent_keys if graph.get(p).is_partitioned)
            for member in together
        }
        assert root or len({of for of in parents.values() if of}) == 1, parents


def test_everything_people_look_at_says_what_it_is() -> None:
    """Jobs, schedules and sensors, and each column of each table with a type that means something."""
    repository = defs.get_repository_def()
    jobs = [job for job in defs.resolve_all_job_defs() if not job.name.startswith("__")]
    listed = [*jobs, *repository.schedule_defs, *repository.sensor_defs]
    assert [one.name for one in listed if not one.description] == []
    columns = [
        (spec.key.to_user_string(), column)
        for spec in defs.resolve_all_asset_specs()
        for column in spec.metadata.get("dagster/column_schema", dg.TableSchema([])).columns
    ]
    assert [(asset, c.name) for asset, c in columns if not c.description or c.type == "USER-DEFINED"] == []


def test_the_page_on_running_starts_the_code_server_that_the_workspace_names() -> None:
    (server,) = (entry["grpc_server"] for entry in yaml.safe_load(packaged("workspace.yaml").read_bytes())["load_from"])
    command = f"dagster code-server start -h {server['host']} -p {server['port']} -m eventflow_pipeline.definitions "
    assert command in (Path(__file__).parents[2] / "docs" / "running.md").read_text()
