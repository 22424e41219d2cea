"""Which runs automation asks for: pure decisions on days, runs in work and failed runs."""

from datetime import UTC, date, datetime, timedelta

from eventflow_pipeline.domain.days import DayRange
from eventflow_pipeline.domain.heal import ChangedDay, FailedRange, PlanLimits, RunningRange, plan_runs

NOW = datetime(2024, 3, 20, 3, tzinfo=UTC)
LIMITS = PlanLimits(recent_from=date(2024, 3, 17), retry=timedelta(minutes=1), attempts=4, days_per_run=90)


def _day(day: int, **known: object) -> ChangedDay:
    return ChangedDay(date(2024, 3, day), NOW - timedelta(seconds=5), **known)  # type: ignore[arg-type]


def _range(first: int, last: int) -> DayRange:
    return DayRange(date(2024, 3, first), date(2024, 3, last))


def _asked(*changed: ChangedDay, running: tuple[RunningRange, ...] = (), failed: tuple[FailedRange, ...] = ()) -> list:
    return [run.days for run in plan_runs(changed, running, failed, NOW, LIMITS).runs]


def test_one_run_for_each_contiguous_range_newest_first() -> None:
    assert _asked(_day(3), _day(20), _day(4), _day(19), _day(8)) == [_range(19, 20), _range(8, 8), _range(3, 4)]
    assert _asked() == []


def test_a_long_range_is_several_runs_of_which_only_so_many_are_asked_for_at_once() -> None:
    """As a rule for every day does that somebody adds: newest days first, and none in one run with 1,100 others."""
    first = date(2021, 3, 17)
    changed = [ChangedDay(first + timedelta(days=n), NOW) for n in range(1100)]
    plan = plan_runs(changed, [], [], NOW, LIMITS)
    asked = [run.days for run in plan.runs]
    assert asked == sorted(asked, reverse=True)
    assert max(map(len, asked)) == 90
    assert asked[0].last == changed[-1].day
    assert len(asked) == LIMITS.at_once
    running = [RunningRange(str(n), days, waiting=True, automatic=True) for n, days in enumerate(asked)]
    assert plan_runs(changed, running, [], NOW, LIMITS).runs == ()
    later = plan_runs(changed, running[:2], [], NOW, LIMITS).runs
    assert len(later) == LIMITS.at_once - 2
    assert later[0].days.last == asked[2].last, "what the two that are left will compute is not asked for again"


def test_a_day_that_a_run_will_still_compute_is_not_asked_for_again() -> None:
    for waiting in (True, False):
        running = RunningRange("r" * 36, _range(1, 19), waiting, automatic=True)
        plan = plan_runs([_day(18), _day(19), _day(20)], [running], [], NOW, LIMITS)
        assert [run.days for run in plan.runs] == [_range(20, 20)]
        assert plan.reasons[0].startswith("2024-03-18..2024-03-19: run rrrrrrrr")


def test_a_day_that_the_run_has_replaced_before_it_changed_is_asked_for() -> None:
    done = frozenset({date(2024, 3, 20)})
    running = RunningRange("long", _range(1, 20), waiting=False, automatic=False, done=done)
    assert _asked(_day(20), _day(2), running=(running,)) == [_range(20, 20)]


def test_recent_days_do_not_wait_behind_a_queued_backfill_of_somebody() -> None:
    running = RunningRange("backfill", _range(1, 20), waiting=True, automatic=False)
    assert _asked(_day(16), _day(17), _day(20), running=(running,)) == [_range(20, 20), _range(17, 17)]


def _failures(count: int, ago: timedelta, days: DayRange) -> tuple[FailedRange, ...]:
    return tuple(FailedRange(days, NOW - ago - timedelta(seconds=9), NOW - ago) for _ in range(count))


def test_a_failing_day_is_tried_again_ever_later_and_not_for_ever() -> None:
    for count, pause in ((1, 60), (2, 120), (3, 240)):
        failed = _failures(count, timedelta(seconds=pause - 1), _range(20, 20))
        assert _asked(_day(20), failed=failed) == []
        failed = _failures(count, timedelta(seconds=pause), _range(20, 20))
        assert _asked(_day(20), failed=failed) == [_range(20, 20)]
    plan = plan_runs([_day(20)], [], _failures(4, timedelta(hours=20), _range(20, 20)), NOW, LIMITS)
    assert not plan.runs
    assert plan.reasons == ("2024-03-20: 4 runs failed, not again until somebody has looked",)


def test_each_attempt_is_a_request_of_its_own_and_the_same_attempt_the_same_request() -> None:
    failed = _failures(1, timedelta(hours=1), _range(20, 20))
    keys = [plan_runs([_day(20)], [], f, NOW, LIMITS).runs[0].key for f in ((), (), failed)]
    assert keys[0] == keys[1] != keys[2]


def test_a_neighbour_s_failure_does_not_hold_a_day_up() -> None:
    """The run over both failed because of the 19th; the 20th was computed in it, and has changed again."""
    failed = _failures(1, timedelta(seconds=1), _range(19, 20))
    assert _asked(_day(19), _day(20, computed_at=NOW - timedelta(seconds=3)), failed=failed) == [_range(20, 20)]


def test_only_so_many_automatic_runs_at_once() -> None:
    scattered = [_day(day) for day in range(1, 21, 2)]
    running = [RunningRange(str(n), _range(31, 31), waiting=True, automatic=True) for n in range(8)]
    plan = plan_runs(scattered, running, [], NOW, LIMITS)
    assert [run.days for run in plan.runs] == [_range(19, 19), _range(17, 17)]
    assert "10 automatic runs are enough" in plan.reasons[0]
