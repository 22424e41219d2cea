"""Judging a stored day: why it must be computed again, and when the guard against mass loss holds it."""

from dataclasses import replace
from decimal import Decimal
from uuid import UUID

import pytest

from eventflow_pipeline.domain.changes import (
    Cause,
    ClientLoss,
    DayInput,
    DayLosses,
    GuardLimits,
    Hold,
    OldFacts,
    Verdict,
    cause_of_change,
    hold_for,
    hold_old_days,
    judge_day,
    released,
    were_redated,
)

CLIENT = UUID(int=1)
LIMITS = GuardLimits(loss_share=0.2, minimum_volume=10, old_days=30)
STORED = DayInput(
    facts=100, owned_facts=90, excluded_facts=5, folded_facts=3, fingerprint=Decimal(7),
    attribution_fingerprint=Decimal(8), definition="version=1",
)  # fmt: skip
GONE = replace(STORED, facts=60, owned_facts=50, fingerprint=Decimal(3), attribution_fingerprint=Decimal(4))
MORE = replace(STORED, facts=101, owned_facts=91, fingerprint=Decimal(9), attribution_fingerprint=Decimal(9))


def _loss(before: int, after: int, lost: int | None = None, vanished: int = 0) -> ClientLoss:
    gone = before - after if lost is None else lost
    return ClientLoss(CLIENT, "hits", before, after, Decimal(gone), Decimal(vanished))


@pytest.mark.parametrize(
    ("changed", "unlinked", "cause"),
    [
        ({}, 0, None),
        ({"facts": 101, "fingerprint": Decimal(9)}, 0, Cause.FACTS_ADDED),
        ({"facts": 99}, 0, Cause.FACTS_DELETED),
        ({"fingerprint": Decimal(9)}, 0, Cause.FACTS_CHANGED),
        ({"owned_facts": 89, "attribution_fingerprint": Decimal(9)}, 0, Cause.DIMENSIONS_VANISHED),
        ({"attribution_fingerprint": Decimal(9)}, 1, Cause.DIMENSIONS_VANISHED),  # a link's row vanished
        ({"attribution_fingerprint": Decimal(9)}, 0, Cause.DIMENSIONS_CHANGED),
        ({"attribution_fingerprint": Decimal(9), "excluded_facts": 6}, 0, Cause.EXCLUSIONS_CHANGED),
        ({"attribution_fingerprint": Decimal(9), "folded_facts": 0}, 0, Cause.FOLDS_CHANGED),
        ({"definition": "version=2"}, 0, Cause.DEFINITION_CHANGED),
        # Of several the loss is named, then the facts, then what is made of them.
        ({"facts": 99, "owned_facts": 80, "definition": "version=2"}, 3, Cause.FACTS_DELETED),
        ({"facts": 101, "owned_facts": 89, "fingerprint": Decimal(9)}, 0, Cause.DIMENSIONS_VANISHED),
        ({"fingerprint": Decimal(9), "attribution_fingerprint": Decimal(9)}, 0, Cause.FACTS_CHANGED),
        ({"attribution_fingerprint": Decimal(9), "definition": "version=2"}, 0, Cause.DIMENSIONS_CHANGED),
    ],
)
def test_why_a_day_changed(changed: dict[str, int], unlinked: int, cause: Cause | None) -> None:
    assert cause_of_change(STORED, replace(STORED, **changed), DayLosses((), unlinked)) is cause


def test_a_day_never_computed_is_due_once_it_has_facts() -> None:
    assert cause_of_change(None, STORED) is Cause.NEVER_COMPUTED
    assert cause_of_change(None, replace(STORED, facts=0)) is None


@pytest.mark.parametrize(
    ("loss", "held"),
    [
        (_loss(100, 80), False),  # 20 % exactly
        (_loss(100, 79), True),
        (_loss(9, 0), False),  # below the minimum volume deletions are not judged
        (_loss(10, 0), True),
        (_loss(3, 0, vanished=3), True),  # a vanished dimension row is, at any volume
        (_loss(100, 0, lost=15), False),  # most of it moved to another client
    ],
)
def test_limits(loss: ClientLoss, held: bool) -> None:
    assert (hold_for([loss], LIMITS) is not None) == held


def test_a_reason_names_the_client_and_the_cause() -> None:
    hold = hold_for([_loss(100, 70), _loss(100, 0, vanished=100)], LIMITS)
    assert hold
    assert hold.reason == f"hits of client {CLIENT} would fall from 100 to 0 because dimension rows vanished"
    named = hold_for([replace(_loss(100, 70), client_name="alpha"), replace(_loss(20, 0), client_id=None)], LIMITS)
    assert named == Hold("hits of the unknown client would fall from 20 to 0 because facts were deleted",
                         frozenset({CLIENT, None}))  # fmt: skip
    assert hold_for([replace(_loss(100, 70), client_name="alpha")], LIMITS) == Hold(
        "hits of client alpha would fall from 100 to 70 because facts were deleted", frozenset({CLIENT})
    )
    assert hold_old_days(30, LIMITS) is None
    assert hold_old_days(31, LIMITS)


LOST = Hold(f"hits of client {CLIENT} would fall from 90 to 50 because facts were deleted", frozenset({CLIENT}))
BEFORE = Hold("as before", frozenset({None}))
ANYBODY = Hold("it cannot be told whose")
BOTH = DayLosses((_loss(90, 50), replace(_loss(90, 89), client_id=None)))
SMALL, LARGE = DayLosses((_loss(90, 89),)), DayLosses((_loss(90, 50),))
SAME, FEWER = OldFacts(100, 100, are_the_same=True), OldFacts(60, 100, are_the_same=False)
MORE_ELSEWHERE = OldFacts(120, 100, are_the_same=False)


@pytest.mark.parametrize(
    ("now", "losses", "cause", "because"),
    [
        (GONE, DayLosses((_loss(90, 50),), 0, FEWER), Cause.FACTS_DELETED, "facts were deleted"),
        (GONE, DayLosses((_loss(90, 50),), 0, FEWER, redated=True), Cause.FACTS_REDATED, "re-dated to another day"),
        # As many facts as before: new ones of others hide what is gone, or they only moved.
        (MORE, DayLosses((_loss(90, 50),), 0, FEWER), Cause.FACTS_DELETED, "facts were deleted"),
        (MORE, DayLosses((_loss(90, 50),), 0, FEWER, redated=True), Cause.FACTS_REDATED, "re-dated to another day"),
        (MORE, DayLosses((_loss(90, 50),), 0, SAME), Cause.FACTS_MOVED, "moved to another client"),
        # What vanished rows explain is no loss of facts.
        (MORE, DayLosses((_loss(90, 50, vanished=40),), 0, SAME), Cause.FACTS_ADDED, "dimension rows vanished"),
    ],
)
def test_deleted_moved_and_re_dated_are_told_apart(
    now: DayInput, losses: DayLosses, cause: Cause, because: str
) -> None:
    verdict = judge_day(STORED, now, losses, LIMITS)
    assert verdict.cause is cause
    assert verdict.hold
    assert verdict.hold.reason.endswith(because)


def test_facts_gone_are_re_dated_when_most_turned_up_on_other_days() -> None:
    assert were_redated([FEWER], [SAME, MORE_ELSEWHERE])  # 20 of 40
    assert not were_redated([FEWER, FEWER], [MORE_ELSEWHERE])
    assert not were_redated([SAME], [MORE_ELSEWHERE])
    assert not were_redated([FEWER], [])
    # Who sees the day alone does not forget it.
    seen = Verdict(Cause.FACTS_REDATED, ANYBODY)
    assert judge_day(STORED, GONE, DayLosses((_loss(90, 50),), 0, FEWER), LIMITS, seen).cause is Cause.FACTS_REDATED


def test_marks_that_have_to_do_with_other_days_end_with_their_holds() -> None:
    missing = Verdict(Cause.DIMENSIONS_MISSING, ANYBODY)
    here = Verdict(Cause.FACTS_REDATED_HERE, Hold("may have come", with_them=frozenset({CLIENT})))
    assert judge_day(STORED, STORED, DayLosses(), LIMITS, missing) == missing
    assert judge_day(STORED, MORE, SMALL, LIMITS, missing) == Verdict(Cause.FACTS_ADDED), "it was counted; go on"
    assert judge_day(STORED, STORED, DayLosses(), LIMITS, here) == Verdict(None), "they were dated back"
    for mark in (missing, here):
        assert released(mark, [mark.cause, Cause.FACTS_DELETED]) == mark
    assert released(missing, [Cause.DIMENSIONS_MISSING]) == Verdict(None)
    assert released(here, [Cause.FACTS_REDATED_HERE, Cause.DIMENSIONS_MISSING]) == Verdict(Cause.FACTS_ADDED)


def test_who_is_held_with_others_is_no_loser() -> None:
    both = frozenset({CLIENT, None})
    alone = Verdict(Cause.FACTS_DELETED, LOST)
    held = alone.held_with(both)
    assert held.hold == replace(LOST, with_them=frozenset({None}))
    assert (held.own, held.hold.covers) == (alone, both)
    other = Verdict(Cause.FACTS_CHANGED).held_with(both)
    assert (other.cause, other.own) == (Cause.FACTS_REDATED_HERE, Verdict(Cause.FACTS_ADDED))
    assert other.hold
    assert (other.hold.clients, other.hold.covers) == (frozenset(), both)
    everybody = Verdict(Cause.DIMENSIONS_VANISHED, ANYBODY)
    assert everybody.held_with(both) == everybody


@pytest.mark.parametrize(
    ("stored", "now", "losses", "held", "verdict"),
    [
        (STORED, STORED, DayLosses(), None, Verdict(None)),
        (STORED, STORED, DayLosses(), BEFORE, Verdict(None)),  # the rows are back
        (None, STORED, DayLosses(), None, Verdict(Cause.NEVER_COMPUTED)),
        (None, STORED, LARGE, BEFORE, Verdict(Cause.NEVER_COMPUTED)),  # what was never stored loses nothing
        (STORED, MORE, DayLosses(), None, Verdict(Cause.FACTS_ADDED)),
        (STORED, GONE, SMALL, None, Verdict(Cause.FACTS_DELETED)),
        (STORED, GONE, LARGE, None, Verdict(Cause.FACTS_DELETED, LOST)),
        (STORED, MORE, LARGE, None, Verdict(Cause.FACTS_ADDED, LOST)),  # new facts of others hide no loss
        (STORED, GONE, LARGE, ANYBODY, Verdict(Cause.FACTS_DELETED, ANYBODY)),
        # A client that loses later joins it.
        (STORED, GONE, BOTH, BEFORE, Verdict(Cause.FACTS_DELETED, replace(BEFORE, clients=frozenset({CLIENT, None})))),
        (STORED, GONE, DayLosses(), BEFORE, Verdict(Cause.FACTS_DELETED, BEFORE)),
        (STORED, MORE, SMALL, LOST, Verdict(Cause.FACTS_ADDED, LOST)),  # still without its rows
        (STORED, MORE, SMALL, BEFORE, Verdict(Cause.FACTS_ADDED)),  # it loses nothing any more, another a little
        (STORED, MORE, SMALL, ANYBODY, Verdict(Cause.FACTS_ADDED, ANYBODY)),
        (STORED, MORE, DayLosses(), BEFORE, Verdict(Cause.FACTS_ADDED)),  # nothing is lost any more
        (STORED, MORE, DayLosses((), 1), BEFORE, Verdict(Cause.DIMENSIONS_VANISHED, BEFORE)),
    ],
)
def test_judging_a_day(
    stored: DayInput | None, now: DayInput, losses: DayLosses, held: Hold | None, verdict: Verdict
) -> None:
    assert judge_day(stored, now, losses, LIMITS, Verdict(Cause.FACTS_DELETED, held)) == verdict
