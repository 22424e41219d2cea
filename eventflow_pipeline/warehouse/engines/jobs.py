"""Jobs of a cluster: days that wait for it at the same time are computed together, each from its own snapshot.

A job costs a cluster seconds whatever there is to compute, so days of few facts share one: those whose exports say the
same beside their facts. What fails is computed once more, each day by itself: no day fails for another's sake.
"""

import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from eventflow_pipeline.settings import Settings
from eventflow_pipeline.warehouse.engines.cluster import cluster_session, described, stop
from eventflow_pipeline.warehouse.engines.day_engine import DayWork

if TYPE_CHECKING:
    from pyspark.sql.connect.session import SparkSession

#: Longest that a day waits for the exports of others, in seconds.
_LONGEST_WAIT = 5
#: Guards what days and the threads of their jobs share.
_CHANGED = threading.Condition()


@dataclass(frozen=True, slots=True)
class Exported:
    """A day as a job needs to know it: what was asked for, where its files are, and what they hold."""

    work: DayWork
    folder: str
    facts: int
    fold_rules: int
    #: Digest of everything exported beside facts.
    dimensions: str

    def goes_with(self, other: "Exported") -> bool:
        """Whether one computation does for both: nothing but the facts differs, and no instant is of both."""
        mine, theirs = self.work, other.work
        apart = mine.window_end <= theirs.window_start or theirs.window_end <= mine.window_start
        return apart and self._beside_facts() == other._beside_facts()

    def _beside_facts(self) -> tuple[Any, ...]:
        work = self.work
        return self.dimensions, self.fold_rules, [*map(dict, work.grains)], [*work.clients], [*work.campaigns]


@dataclass(frozen=True, slots=True)
class Computed:
    """Where a day's results are: in a folder with one for each thing computed, of which ``part`` is the day's."""

    folder: str
    part: str
    #: Who computed it, for the records.
    by: Mapping[str, str]

    def of(self, name: str) -> str:
        """The folder with the day's rows of ``name``."""
        return f"{self.folder}/{name}/{self.part}".rstrip("/")


@dataclass(frozen=True, slots=True)
class Work:
    """How days are computed, and what becomes of the files."""

    settings: Settings
    #: Returns the folder of the results, and what the part of each day is called in it; tells each statement's name
    #: when it begins.
    compute: Callable[["SparkSession", Sequence[Exported], Callable[[str], None]], tuple[str, Sequence[str]]]
    delete: Callable[[str], None]


@dataclass(slots=True, eq=False)
class Turn:
    """A day's place in a job."""

    job: "Job"
    exported: Exported
    computed: Future[Computed] = field(default_factory=Future)
    over: bool = False
    #: What the cluster is at for it, and since when.
    asked: tuple[str, float] | None = None

    def leave(self) -> None:
        """The day needs nothing any more; when none of its job does, the cluster is told to stop."""
        with _CHANGED:
            self.over = True
        self.job.tidy()


class Job:
    """Days that are computed together, by a thread that nobody waits for: a client may wait for an answer for ever."""

    def __init__(self, work: Work) -> None:
        self.turns: list[Turn] = []
        self._work = work
        self._reached = False
        self._sessions: list[tuple[SparkSession, Sequence[Turn]]] = []
        self._results: dict[str, Sequence[Turn]] = {}

    def takes(self, work: Work, exported: Exported) -> bool:
        """Whether a day may be computed with those that are there."""
        few = self.facts + exported.facts <= work.settings.spark.job_facts
        same = work.settings.spark == self._work.settings.spark
        return few and same and all(turn.exported.goes_with(exported) for turn in self.turns)

    @property
    def facts(self) -> int:
        """Of all its days."""
        return sum(turn.exported.facts for turn in self.turns)

    @property
    def is_full(self) -> bool:
        """Whether it takes no other day."""
        return self.facts >= self._work.settings.spark.job_facts

    def run(self) -> None:
        """Compute the days; where that fails, each by itself."""
        try:
            self._compute(self.turns)
        except BaseException as problem:
            if self._reached and len(self.turns) > 1 and isinstance(problem, Exception):
                for turn in self.turns:
                    self._try(turn)
            for turn in self.turns:
                if not turn.computed.done():
                    turn.computed.set_exception(problem)

    def _try(self, turn: Turn) -> None:
        try:
            self._compute([turn])
        except Exception as problem:
            turn.computed.set_exception(problem)

    def _compute(self, turns: Sequence[Turn]) -> None:
        with cluster_session(self._work.settings) as session:
            with _CHANGED:
                if all(turn.over for turn in turns):
                    return
                self._reached = True
                self._sessions.append((session, turns))
            try:
                by = {**described(session, self._work.settings), "days of the job": str(len(turns))}

                def asking(name: str) -> None:
                    for turn in turns:
                        turn.asked = name, time.monotonic()

                folder, parts = self._work.compute(session, [turn.exported for turn in turns], asking)
            finally:
                for turn in turns:
                    turn.asked = None
                with _CHANGED:
                    self._sessions.remove((session, turns))
        with _CHANGED:
            self._results[folder] = turns
        for turn, part in zip(turns, parts, strict=True):
            turn.computed.set_result(Computed(folder, part, by))
        self.tidy()

    def tidy(self) -> None:
        """Stop what is computed for nobody, and delete the results that nobody reads any more."""
        with _CHANGED:
            unwanted = [session for session, turns in self._sessions if all(turn.over for turn in turns)]
            read = {folder for folder, turns in self._results.items() if all(turn.over for turn in turns)}
            for folder in read:
                del self._results[folder]
        for session in unwanted:
            stop(session)
        for folder in read:
            self._work.delete(folder)


class Gathering:
    """Where days of a process meet that are exported at the same time."""

    def __init__(self) -> None:
        self._exporting = 0
        self._open: list[Job] = []

    @contextmanager
    def exporting(self) -> Iterator[None]:
        """While a day is exported those that are ready wait for it, but not for long."""
        with _CHANGED:
            self._exporting += 1
        try:
            yield
        finally:
            with _CHANGED:
                self._exporting -= 1
                _CHANGED.notify_all()

    def join(self, work: Work, exported: Exported) -> Turn:
        """A place in the first job that takes the day, else in a new one."""
        with _CHANGED:
            job = next((job for job in self._open if job.takes(work, exported)), None)
            if job is None:
                self._open.append(job := Job(work))
                threading.Thread(target=self._run, args=[job], name=f"cluster-{exported.work.day}", daemon=True).start()
            job.turns.append(turn := Turn(job, exported))
            _CHANGED.notify_all()
            return turn

    def _run(self, job: Job) -> None:
        with _CHANGED:
            _CHANGED.wait_for(lambda: not self._exporting or job.is_full, _LONGEST_WAIT)
            self._open.remove(job)
        job.run()


#: Of this process.
GATHERING = Gathering()
