"""The service's objectives as one asset: what ``eventflow slo`` measures, every morning, plotted (docs/slo.md)."""

from datetime import UTC, datetime

import dagster as dg

from eventflow_pipeline.defs.definition_time import TIMEZONE
from eventflow_pipeline.defs.indicators import GROUP
from eventflow_pipeline.defs.resources import Warehouse
from eventflow_pipeline.defs.sources import OWNERS
from eventflow_pipeline.warehouse.answers.slo import DAYS, objectives

KEY = dg.AssetKey("slo")

#: Written by the job below and by nothing else: an asset without days among assets of days would be asked for days by
#: *Materialize all*.
slo = dg.AssetSpec(
    KEY,
    deps=[dg.AssetKey("verified_days")],
    group_name=GROUP,
    kinds={"postgres"},
    owners=OWNERS,
    description=f"What is promised of the service and what was reached over the last {DAYS} business days that are "
    "over: days complete and verified, how fresh, incidents, false alarms (docs/slo.md). `eventflow slo` measures the "
    "same.",
)


@dg.op(description="Measure the objectives of the service, and show them at the asset slo.")
def measure_objectives(context: dg.OpExecutionContext, warehouse: Warehouse) -> None:
    """One materialization: each objective's number, plotted by its name, and a table of what was promised."""
    found = objectives(warehouse.engine, warehouse.settings, datetime.now(UTC))
    missed = [objective.name for objective in found if not objective.met]
    table = dg.MetadataValue.table(
        [
            dg.TableRecord({"objective": o.name, "promised": o.promised, "reached": o.reached, "met": o.met})
            for o in found
        ]
    )
    numbers = {o.name.replace(" ", "_"): dg.MetadataValue.float(o.reached) for o in found if o.reached is not None}
    shown = {"objectives": table, "missed": dg.MetadataValue.int(len(missed)), **numbers}
    context.log_event(dg.AssetMaterialization(KEY, metadata=shown))
    context.log.info(f"missed: {', '.join(missed)}" if missed else "every objective was met")


@dg.job(description="Measure the objectives of the service over the last four weeks, as `eventflow slo` does.")
def slo_job() -> None:
    """See ``measure_objectives``."""
    measure_objectives()


slo_schedule = dg.ScheduleDefinition(
    name="slo_schedule",
    job=slo_job,
    cron_schedule="30 5 * * *",
    execution_timezone=TIMEZONE,
    default_status=dg.DefaultScheduleStatus.RUNNING,
    description="Every morning, when the night has verified the days: measures the objectives of the service.",
)
