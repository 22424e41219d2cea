"""What Dagster offers no public API for, beside what its own reads say."""

from collections.abc import Iterator

import dagster as dg
import pytest

from eventflow_pipeline.defs.dagster_internals.private import latest_materializations

DAYS = ["2024-01-01", "2024-01-02", "2024-01-03"]
A, B, WIPED, NEVER = (dg.AssetKey(name) for name in ("a", "b", "wiped", "never"))


@pytest.fixture(params=["memory", "postgres"])
def instance(request: pytest.FixtureRequest) -> Iterator[dg.DagsterInstance]:
    """Dagster in memory, and as production has it."""
    if request.param == "postgres":
        yield request.getfixturevalue("postgres_instance")
        return
    with dg.DagsterInstance.ephemeral() as made:
        yield made


def test_latest_materializations_are_those_dagster_s_own_reads_tell(instance: dg.DagsterInstance) -> None:
    """Of partitions that have several, one and none, of events without a partition, before and after a wipe."""

    def materialize(asset: dg.AssetKey, day: str | None) -> None:
        instance.report_runless_asset_event(dg.AssetMaterialization(asset, partition=day))

    for asset, day in ((A, DAYS[0]), (WIPED, DAYS[0]), (A, DAYS[1]), (A, DAYS[0]), (B, None), (WIPED, DAYS[1])):
        materialize(asset, day)
    instance.wipe_assets([WIPED])
    found = latest_materializations(instance, [A, B, WIPED, NEVER], DAYS)
    assert not found[WIPED].by_partition
    assert found[WIPED].newest is None
    materialize(WIPED, DAYS[1])
    instance.report_runless_asset_event(dg.AssetObservation(A, partition=DAYS[2]))
    found = latest_materializations(instance, [A, B, WIPED, NEVER], DAYS)
    for asset, of in found.items():
        assert of.by_partition == instance.get_latest_storage_id_by_partition(
            asset, dg.DagsterEventType.ASSET_MATERIALIZATION, set(DAYS)
        )
        newest = instance.fetch_materializations(asset, limit=1).records
        assert of.newest == (newest[0].storage_id if newest else None)
    assert [len(of.by_partition) for of in found.values()] == [2, 0, 1, 0]
    assert [bool(of.newest) for of in found.values()] == [True, True, True, False]


@pytest.mark.parametrize(("assets", "days"), [([], DAYS), ([A], []), ([], [])])
def test_of_nothing_there_is_no_materialization(
    instance: dg.DagsterInstance, assets: list[dg.AssetKey], days: list[str]
) -> None:
    found = latest_materializations(instance, assets, days)
    assert [*found] == assets
    assert not any(of.by_partition or of.newest for of in found.values())
