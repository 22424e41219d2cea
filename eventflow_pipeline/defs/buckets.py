"""The session-days, the buckets of every grain and the hour buckets: one step, as a day is one transaction."""

from collections.abc import Iterator, Sequence
from datetime import date
from functools import partial
from typing import Any

import dagster as dg

from eventflow_pipeline.defs.catalog import (
    CAMPAIGN_HOURS,
    CAMPAIGN_HOURS_TABLE,
    QUALITY,
    SESSION_DAYS,
    SESSION_DAYS_TABLE,
    bucket_key,
    bucket_table,
    daily_spec,
)
from eventflow_pipeline.defs.indicators import begin_measuring, measured_days
from eventflow_pipeline.defs.partitions import DAYS_PER_RUN
from eventflow_pipeline.defs.quality import HELD_KEY, QUALITY_KEYS, RANGE_PARITY, RAW_KEYS, evaluate
from eventflow_pipeline.defs.recording import FinishedDay, Recorded, log_days, record_days, resumed_runs
from eventflow_pipeline.defs.resources import Warehouse
from eventflow_pipeline.defs.run_tags import HEAL, SCHEDULE, TRIGGER_TAG, ReplaceDaysConfig, request_of
from eventflow_pipeline.defs.sources import source_key
from eventflow_pipeline.domain.grains import BY_NAME, GRAINS
from eventflow_pipeline.warehouse.changes.detection import compare_first
from eventflow_pipeline.warehouse.changes.due_days import days_replaced_by
from eventflow_pipeline.warehouse.changes.guard import DayHeld
from eventflow_pipeline.warehouse.days.computed import stored_totals
from eventflow_pipeline.warehouse.days.range_replacement import FailedDay, replace_days
from eventflow_pipeline.warehouse.days.replacement import DayTotals
from eventflow_pipeline.warehouse.db.engine import again_when_lost, reason
from eventflow_pipeline.warehouse.ranges.histograms import merge_pending
from eventflow_pipeline.warehouse.ranges.pruning import prune_session_days
from eventflow_pipeline.warehouse.registry import DEFINITION_VERSION

GROUP = "marketing"
JOB = "daily_buckets_job"
_FACTS_AND_DIMENSIONS = (
    "event_access_logs",
    "event_survey_entries",
    "event_survey_campaigns",
    "webinars",
    "campaign_link_meta",
)


#: Everything one materialization of a day replaces.
ASSET_KEYS = (SESSION_DAYS, *map(bucket_key, GRAINS), CAMPAIGN_HOURS)


_CODE = str(DEFINITION_VERSION)
_SESSION_DAYS = daily_spec(
    SESSION_DAYS_TABLE,
    map(source_key, _FACTS_AND_DIMENSIONS),
    GROUP,
    "Session-days (M6): one row per business day (T1), attribution (E1, E2, A1-A3) and session, the "
    "de-duplicated and attributed form of the facts. Excluded facts (E3) are counted beside it. Every bucket is "
    "counted from here.",
    _CODE,
)
_BUCKETS = [
    daily_spec(
        bucket_table(grain),
        [SESSION_DAYS],
        GROUP,
        f"Daily buckets for {grain.title} (M5): hits (M1), visits = distinct sessions (M2), sessionless hits, "
        "conversions (M3); cvr = conversions / visits is derived when read (M4). NULL in a key is the unknown member "
        "(B3). Visits are exact at this grain and never the sum of a finer one; for a range ask "
        f"`stats.range_summary('{grain.name}', from, to)`.",
        _CODE,
    )
    for grain in GRAINS
]
_HOURS = daily_spec(
    CAMPAIGN_HOURS_TABLE,
    map(source_key, _FACTS_AND_DIMENSIONS),
    GROUP,
    "Hour buckets (B1) of the campaigns and webinars that `eventflow definitions` lists: "
    "per UTC hour (T2) and business day (T1) hits (M1), visits = distinct sessions of the hour (M2), sessionless hits, "
    "conversions (M3). Hours without anything have no row; visits do not add up over hours.",
    _CODE,
)


def _day_metadata(totals: DayTotals) -> dict[str, Any]:
    """Numbers of one day over everything; Dagster plots them by partition."""
    numbers: dict[str, Any] = {
        "hits": totals.hits,
        "visits": totals.visits,
        "conversions": totals.conversions,
        "sessionless_hits": totals.sessionless_hits,
        "excluded_hits": totals.excluded_hits,
        "excluded_conversions": totals.excluded_conversions,
        "unknown_client_hits": totals.unknown_client_hits,
    }
    if totals.hits:
        numbers["unknown_link_share"] = float(totals.unknown_link_hits / totals.hits)
        numbers["unresolved_link_share"] = float(totals.unresolved_link_hits / totals.hits)
    if totals.visits:
        numbers["cvr"] = float(totals.conversions / totals.visits)
    if totals.watermark:
        numbers["watermark"] = dg.MetadataValue.timestamp(totals.watermark)
    return numbers


def asset_metadata(totals: DayTotals) -> dict[dg.AssetKey, dict[str, Any]]:
    """What each asset of the step shows of a replaced day: its rows, and why clients kept what was published of them.
    The totals are the platform's and shown there: visits of a finer grain do not add up to them. Session-days show who
    computed them.
    """
    rows = {SESSION_DAYS: totals.session_days, CAMPAIGN_HOURS: totals.campaign_hours}
    rows |= {bucket_key(g): totals.buckets[g.name] for g in GRAINS}
    held = {"held": totals.held} if totals.held else {}
    shown: dict[dg.AssetKey, dict[str, Any]] = {
        key: {"dagster/partition_row_count": n, **held} for key, n in rows.items()
    }
    shown[bucket_key(BY_NAME["platform"])] |= _day_metadata(totals)
    for name, said in totals.computed_by.items():
        shown[SESSION_DAYS][name] = dg.MetadataValue.url(said) if said.startswith("http") else said
    return shown


@dg.multi_asset(
    name="replace_days",
    specs=[_SESSION_DAYS, *_BUCKETS, _HOURS],
    backfill_policy=DAYS_PER_RUN,
    pool="facts",
)
def daily_buckets(
    context: dg.AssetExecutionContext, config: ReplaceDaysConfig, warehouse: Warehouse
) -> Iterator[Recorded]:
    """Replace each day of the run's range, newest first, one transaction a day, several days at once."""

    def measure_and_check(done: Sequence[date]) -> None:
        """What the steps behind this one would have done for the days that did not fail: they are not started now."""
        log_days(context, measured_days(warehouse, done))
        evaluate(context, warehouse, done, RAW_KEYS | QUALITY_KEYS | {HELD_KEY})

    yield from record_days(context, ASSET_KEYS, _replaced(context, config, warehouse), "buckets", measure_and_check)
    begin_measuring(context, warehouse)


def _replaced(
    context: dg.AssetExecutionContext, config: ReplaceDaysConfig, warehouse: Warehouse
) -> Iterator[FinishedDay | FailedDay]:
    engine = warehouse.engine
    request = request_of(context.run, config)
    days = {date.fromisoformat(key) for key in context.partition_keys}
    parents = [] if config.from_scratch else resumed_runs(context.instance, context.run)
    resumed = days_replaced_by(engine, parents, days).values()
    for totals in stored_totals(engine, frozenset().union(*resumed)):
        days.discard(totals.day)
        yield FinishedDay(totals.day, "as the run before computed it", asset_metadata(totals))
    if not request.accepted and context.run.tags.get(TRIGGER_TAG) not in (HEAL, SCHEDULE):
        try:
            again_when_lost(partial(compare_first, engine, warehouse.settings, days))
        except Exception as problem:  # costs no day: each is judged once more in its own transaction
            context.log.error(f"The days could not be compared first: {reason(problem)}")
    for outcome in replace_days(engine, days, warehouse.settings, request):
        if isinstance(outcome, FailedDay) and isinstance(outcome.problem, DayHeld):
            # No failure: trying again would change nothing. The check ``held`` fails until somebody decides.
            metadata = {"held": outcome.problem.hold.reason}
            summary = f"HELD, keeps its old buckets: {outcome.problem.hold.reason}"
            yield FinishedDay(outcome.day, summary, dict.fromkeys(ASSET_KEYS, metadata))
            continue
        if isinstance(outcome, FailedDay):
            yield outcome
            continue
        summary = f"{outcome.visits} visits, {outcome.conversions} conversions"
        if outcome.held:
            summary += f"; HELD for some clients, as published: {outcome.held}"
        yield FinishedDay(outcome.day, summary, asset_metadata(outcome))
    merged = merge_pending(engine)
    context.log.info(f"return histograms merged for {len(merged)} days")
    if pruned := prune_session_days(engine, warehouse.settings):
        context.log.info(f"{pruned} rows of session-days pruned (EVENTFLOW_RANGES_LONGEST_DAYS)")


daily_buckets_job = dg.define_asset_job(
    JOB,
    # Ranges are left to verify_days_job and to backfills from the user interface: they read a month of facts.
    selection=dg.AssetSelection.assets(daily_buckets, QUALITY)
    - dg.AssetSelection.checks(*(dg.AssetCheckKey(bucket_key(grain), RANGE_PARITY) for grain in GRAINS)),
    description="Replace session-days and the daily buckets of every grain for one day or a range of days, measure the "
    "indicators, and check both. What its process prints is on the output of the code server that started it "
    "(docs/logs.md), not under stdout and stderr here.",
)
