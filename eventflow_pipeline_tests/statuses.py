"""Statuses of partitions and checks, day by day, as Dagster's user interface asks for them."""

from collections.abc import Callable, Collection
from datetime import date
from typing import Any

from eventflow_pipeline.domain.days import DayRange

#: Of what the user interface shows: an asset, or a check as ``asset:check``, and of each day the status.
Statuses = dict[str, dict[str, str]]

QUERY = """{ assetNodes { assetKey { path } isPartitioned
  assetPartitionStatuses { ... on TimePartitionStatuses { ranges { status startKey endKey } } }
  assetChecksOrError { ... on AssetChecks { checks { name
    executionForLatestMaterialization { status evaluation { severity } }
    partitionStatuses { ... on AssetCheckTimePartitionStatuses { ranges { status startKey endKey } } } } } } } }"""


def statuses(answer: dict[str, Any], days: Collection[date]) -> Statuses:
    """What an answer to QUERY says of ``days``; a day that it does not mention is left out."""
    found: Statuses = {}
    for node in answer["assetNodes"]:
        asset = node["assetKey"]["path"][-1]
        if not node["isPartitioned"]:
            continue
        found[asset] = _by_day(node["assetPartitionStatuses"], days)
        for check in node["assetChecksOrError"].get("checks", ()):
            found[f"{asset}:{check['name']}"] = _by_day(check["partitionStatuses"] or {}, days)
    return found


def colours(answer: dict[str, Any]) -> dict[str, tuple[str, str] | None]:
    """Of each check what its newest evaluation says: by it lists and the graph are painted."""
    return {
        f"{node['assetKey']['path'][-1]}:{check['name']}": (
            newest["status"],
            (newest["evaluation"] or {}).get("severity", ""),
        )
        if (newest := check["executionForLatestMaterialization"])
        else None
        for node in answer["assetNodes"]
        for check in node["assetChecksOrError"].get("checks", ())
    }


def seen(found: Statuses, which: Callable[[str], bool] = lambda _: True) -> set[str]:
    """Every status that is among them, so that a comparison is not one of nothing with nothing."""
    return {status for name, by_day in found.items() if which(name) for status in by_day.values()}


def _by_day(answer: dict[str, Any], days: Collection[date]) -> dict[str, str]:
    return {
        day.isoformat(): part["status"]
        for part in answer.get("ranges", ())
        for day in DayRange(date.fromisoformat(part["startKey"]), date.fromisoformat(part["endKey"]))
        if day in days
    }
