"""``eventflow heal``: find what changed and compute just that again."""

from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any

import typer

from eventflow_pipeline.cli.accept import held_data, held_lines, pruned_lines
from eventflow_pipeline.cli.app import Author, Json, answer, app, exit_status, login_name
from eventflow_pipeline.domain.days import contiguous
from eventflow_pipeline.errors import UserError

if TYPE_CHECKING:
    from eventflow_pipeline.runs import HealReport


@app.command()
def heal(
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Compare, and say what would be computed; write nothing.")
    ] = False,
    accept: Annotated[
        bool, typer.Option("--accept", help="Also apply what the guard against mass loss holds.")
    ] = False,
    reason: Annotated[
        str | None, typer.Option(metavar="TEXT", help="Why it is accepted, for the ledger (stats.day_ledger).")
    ] = None,
    author: Author = None,
    as_json: Json = False,
) -> None:
    """Compare every day with its facts and dimensions, and materialize exactly the days that changed.

    It finds new, late, edited, deleted and restored facts, emptied days, dimension rows that appeared, changed or
    vanished, new exclusions and another definition. Days run in this process; no daemon is needed.

    A change that would lower a client's day by more than EVENTFLOW_GUARD_LOSS_SHARE, or touch more than
    EVENTFLOW_GUARD_OLD_DAYS old days, because facts were deleted or dimension rows vanished, is held: the
    old buckets stay until the rows are back or `--accept` applies it (or, for some days, `eventflow accept held`).

    Indicators and checks of days whose run did not get to them are made good, too. The exit status is 1 when a day, or
    any step of a run, failed, 3 when days are held, or have changed and can no longer be computed (see `eventflow
    accept pruned`).
    """
    from eventflow_pipeline.dev.environment import environment

    if reason and not accept:
        raise UserError("--reason says why a held change is accepted: give it together with --accept.")
    if accept and not (reason or "").strip():
        raise UserError("--accept needs --reason: say why, it is kept in the ledger.")
    with environment(dagster=True) as settings:
        from eventflow_pipeline.runs import run_heal

        report = run_heal(
            settings,
            accept=reason.strip() if reason else None,
            author=login_name(author),
            dry_run=dry_run,
            show_progress=not as_json,
        )
    answer(as_json, _data(report), _text(report, dry_run))
    exit_status(failed=[*report.failed, *report.failed_steps], held=[*report.held, *report.detection.pruned])


def _data(report: "HealReport") -> dict[str, Any]:
    beyond = report.detection.out_of_range
    return {
        "checked": report.detection.checked,
        "days": [stale.day for stale in report.found],
        "causes": {str(stale.day): stale.cause.value for stale in report.found},
        "held": held_data(report.held),
        "pruned": [stale.day for stale in report.detection.pruned],
        "in_work": report.detection.in_work,
        "done": report.done,
        "failed": report.failed,
        "runs": report.runs,
        "measured": report.measured,
        "recorded": report.recorded,
        "failed_steps": [asdict(step) for step in report.failed_steps],
        "out_of_range": {"hits": beyond.hits, "conversions": beyond.conversions} if beyond else None,
    }


def _text(report: "HealReport", dry_run: bool) -> str:
    lines = [f"{report.detection.checked} days compared, {len(report.found)} changed."]
    lines += [f"  {stale.day}  {stale.cause.value}" for stale in report.found]
    if report.found and not dry_run:
        lines.append(f"{len(report.done)} of {len(report.found)} days materialized.")
    if report.failed:
        lines.append(f"Failed: {', '.join(map(str, report.failed))}.")
    if report.measured:
        lines.append(f"{len(report.measured)} computed days were to be measured and checked again: ")
        lines[-1] += f"{', '.join(map(str, contiguous(report.measured)))}."
    if report.recorded:
        lines.append(f"{len(report.recorded)} computed days that Dagster did not know of are recorded there.")
    lines += map(str, report.failed_steps)
    lines += held_lines(report.held) + pruned_lines(report.detection.pruned)
    if report.detection.in_work:
        lines.append(f"Being replaced by others, run it again later: {', '.join(map(str, report.detection.in_work))}.")
    beyond = report.detection.out_of_range
    if beyond and (beyond.hits or beyond.conversions):
        lines.append(
            "Dated before the first day or after today, and counted on no day until theirs has come (rule T4): "
            f"hits {beyond.hits}, conversions {beyond.conversions}."
        )
    return "\n".join(lines)
