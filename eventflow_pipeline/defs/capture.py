"""What happens to captured facts afterwards: entries find their visits, dead letters are tried again when due."""

import dagster as dg

from eventflow_pipeline.defs.resources import Warehouse
from eventflow_pipeline.warehouse.capture.dead_letters import BATCH, link_entries, replay_dead_letters, work_waiting


@dg.op(description="Replay dead letters, then link captured entries to their visits (stats.link_entries).")
def link_and_replay(context: dg.OpExecutionContext, warehouse: Warehouse) -> None:
    """One bounded pass of each, as the pipeline role; what is left is done by the next run. Safe to repeat."""
    replay = replay_dead_letters(warehouse.engine, warehouse.settings, BATCH, due_only=True)
    linking = link_entries(warehouse.engine)
    context.add_output_metadata(
        {
            "dead_letters_replayed": replay.replayed,
            "dead_letters_refused": replay.refused,
            "dead_letters_expired": replay.expired,
            "entries_linked": linking.entries,
            "visit_hits_marked": linking.visits,
            "entries_waiting_for_visits": linking.waiting,
        }
    )


@dg.job(description="Link captured entries to their visits and try dead letters again.")
def captured_facts_job() -> None:
    """The one step."""
    link_and_replay()


@dg.schedule(
    job=captured_facts_job,
    cron_schedule="* * * * *",
    execution_timezone="UTC",
    default_status=dg.DefaultScheduleStatus.RUNNING,
    description="Asks every minute (C3); a run where an entry is to be linked or a dead letter is due.",
)
def captured_facts_schedule(tick_warehouse: Warehouse) -> dg.RunRequest | dg.SkipReason:
    """A run only where there is something to do."""
    return (
        dg.RunRequest()
        if work_waiting(tick_warehouse.engine)
        else dg.SkipReason("No dead letter is due and no entry waits.")
    )
