"""A reader that asks for every day all the time and notes whatever no commit can have produced."""

import threading
from collections.abc import Mapping
from datetime import date

import psycopg

from eventflow_pipeline.domain.days import DayRange

#: One statement, so one snapshot: per day the platform, the sum of the clients, of the campaigns, the day's state.
_ASK = """
select d::date as day,
       (select row(p.hits, p.conversions)::text from stats.range_summary('platform', d::date, d::date) p) as platform,
       (select row(sum(c.hits), sum(c.conversions))::text
        from stats.range_summary('client', d::date, d::date) c) as clients,
       (select row(sum(c.hits), sum(c.conversions))::text
        from stats.range_summary('campaign', d::date, d::date) c) as campaigns,
       (select row(sum(u.hits), sum(u.conversions))::text
        from stats.range_summary('utm', d::date, d::date) u) as utm,
       (select row(sum(b.hits), sum(b.conversions))::text
        from stats.session_days b where b.bucket_date = d::date) as session_days,
       (select row(s.hits, s.conversions)::text from stats.partition_state s where s.bucket_date = d::date) as state,
       (select coalesce(string_agg(t, ' ' order by entity_id), '') from (
            select c.entity_id, format('%%s:%%s:%%s:%%s', c.entity_id, sum(c.hits), sum(c.visits), sum(c.conversions)) t
            from stats.range_summary('campaign', d::date, d::date) c group by c.entity_id) x) as answer
from generate_series(%(first)s::date, %(last)s::date, interval '1 day') d
"""


class PollingReader(threading.Thread):
    """Polls until ``stop``. ``problems`` says what was seen and must not be; ``polls`` how often it was answered."""

    def __init__(self, url: str, days: DayRange, now: Mapping[date, str]) -> None:
        super().__init__(name="reader", daemon=True)
        self._url, self._days = url, days
        self._over, self._lock = threading.Event(), threading.Lock()
        self._old, self._new = dict(now), dict(now)
        self._reached: set[date] = set()
        self.polls, self.outages = 0, 0
        self.problems: list[str] = []

    def expect(self, new: Mapping[date, str]) -> None:
        """From now on each day is what it was, or ``new``; once new, never old again. Call before committing."""
        with self._lock:
            self._old, self._new = self._new, dict(new)
            self._reached = set()

    def stop(self) -> None:
        """End after the poll in hand."""
        self._over.set()
        self.join(30)

    def run(self) -> None:
        while not self._over.is_set():
            try:
                with psycopg.connect(self._url, autocommit=True, connect_timeout=5) as connection:
                    while not self._over.is_set():
                        with self._lock:
                            answers = connection.execute(
                                _ASK, {"first": self._days.first, "last": self._days.last}
                            ).fetchall()
                            for day, *sums, answer in answers:
                                self._judge(day, sums, answer)
                        self.polls += 1
                        self._over.wait(0.02)
            except psycopg.OperationalError:
                self.outages += 1
                self._over.wait(0.05)

    def _judge(self, day: date, sums: list[str], answer: str) -> None:
        if len(set(sums)) != 1:
            self.problems.append(f"{day}: platform, clients, campaigns, utm, session-days and state disagree: {sums}")
        if answer == self._new[day]:
            self._reached.add(day)
        elif answer != self._old[day]:
            self.problems.append(f"{day}: neither the old nor the new state: {answer}")
        elif day in self._reached:
            self.problems.append(f"{day}: old again after it was new")
