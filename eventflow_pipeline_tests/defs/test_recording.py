"""How a step over days records them: each when it ends, as Dagster itself would at the end of the step."""

from collections.abc import Iterator
from datetime import date

import dagster as dg
import pytest
from dagster._core.definitions.data_version import StaleStatus
from dagster._utils.test.data_versions import get_stale_status_resolver

from eventflow_pipeline.defs.recording import FinishedDay, Recorded, record_days
from eventflow_pipeline.domain.days import DayRange
from eventflow_pipeline.domain.partition_tags import RANGE_END, RANGE_START

DAYS = DayRange(date(2024, 1, 1), date(2024, 1, 3))
SOURCE, FIRST, SECOND = (dg.AssetKey(name) for name in ("source", "first", "second"))
_DAILY = dg.DailyPartitionsDefinition("2024-01-01", end_date="2024-01-04")
_ONE_RUN = dg.BackfillPolicy.single_run()
_SPECS = [
    dg.AssetSpec(FIRST, deps=[SOURCE], code_version="1", partitions_def=_DAILY),
    dg.AssetSpec(SECOND, deps=[FIRST], code_version="2", partitions_def=_DAILY),
]


@dg.asset(key=SOURCE, partitions_def=_DAILY, backfill_policy=_ONE_RUN, code_version="0")
def _source() -> None: ...


@dg.multi_asset(name="step", specs=_SPECS, backfill_policy=_ONE_RUN)
def _dagster_s_own(context: dg.AssetExecutionContext) -> Iterator[dg.MaterializeResult[None]]:
    for day in context.partition_keys:
        for key in (FIRST, SECOND):
            context.add_asset_metadata({"day": day}, asset_key=key, partition_key=day)
    yield dg.MaterializeResult(asset_key=FIRST)
    yield dg.MaterializeResult(asset_key=SECOND)


def _recorded(instance: dg.DagsterInstance, key: dg.AssetKey) -> dict[str, tuple[object, ...]]:
    """Of each partition its newest materialization: what it shows, and its tags but for ids of events."""
    records = instance.fetch_materializations(key, limit=100).records
    found: dict[str, tuple[object, ...]] = {}
    for record in records:
        said = record.asset_materialization
        assert said
        assert said.partition
        assert said.partition not in found, "recorded once"
        tags = {name: value for name, value in (said.tags or {}).items() if "event_pointer" not in name}
        found[said.partition] = ({name: value.value for name, value in said.metadata.items()}, tags)
    return found


def _made_from_something_older(instance: dg.DagsterInstance, step: dg.AssetsDefinition) -> list[tuple[str, str]]:
    """What the user interface calls unsynced."""
    resolver = get_stale_status_resolver(instance, [_source, step])
    return [
        (key.to_user_string(), day.isoformat())
        for key in (FIRST, SECOND)
        for day in DAYS
        if resolver.get_status(key, day.isoformat()) is not StaleStatus.FRESH
    ]


def _run(instance: dg.DagsterInstance, step: dg.AssetsDefinition) -> dg.ExecuteInProcessResult:
    tags = {RANGE_START: DAYS.first.isoformat(), RANGE_END: DAYS.last.isoformat()}
    return dg.materialize([_source, step], instance=instance, tags=tags, raise_on_error=False)


def test_a_day_is_recorded_when_it_ends_as_dagster_records_it_when_the_step_ends() -> None:
    with dg.DagsterInstance.ephemeral() as instance:
        assert _run(instance, _dagster_s_own).success
        expected = {key: _recorded(instance, key) for key in (FIRST, SECOND)}
        assert _made_from_something_older(instance, _dagster_s_own) == []
    seen: list[set[str]] = []

    @dg.multi_asset(name="step", specs=_SPECS, backfill_policy=_ONE_RUN)
    def ours(context: dg.AssetExecutionContext) -> Iterator[Recorded]:
        def outcomes() -> Iterator[FinishedDay]:
            for day in DAYS:
                seen.append(context.instance.get_materialized_partitions(SECOND))
                yield FinishedDay(day, "done", {key: {"day": day.isoformat()} for key in (FIRST, SECOND)})

        yield from record_days(context, (FIRST, SECOND), outcomes(), "buckets")

    with dg.DagsterInstance.ephemeral() as instance:
        assert _run(instance, ours).success
        assert {key: _recorded(instance, key) for key in (FIRST, SECOND)} == expected
        assert _made_from_something_older(instance, ours) == []
    assert seen == [set(), {"2024-01-01"}, {"2024-01-01", "2024-01-02"}]


@pytest.mark.parametrize("end", [KeyboardInterrupt, RuntimeError])
def test_what_ended_stays_recorded_when_the_step_does_not_end(end: type[BaseException]) -> None:
    """A cancelled run, and what fails behind the days."""

    @dg.multi_asset(name="step", specs=_SPECS, backfill_policy=_ONE_RUN)
    def ours(context: dg.AssetExecutionContext) -> Iterator[Recorded]:
        def outcomes() -> Iterator[FinishedDay]:
            yield FinishedDay(DAYS.first, "done", {key: {"day": str(DAYS.first)} for key in (FIRST, SECOND)})
            raise end

        yield from record_days(context, (FIRST, SECOND), outcomes(), "buckets")

    with dg.DagsterInstance.ephemeral() as instance:
        assert not _run(instance, ours).success
        assert [*_recorded(instance, SECOND)] == ["2024-01-01"]
