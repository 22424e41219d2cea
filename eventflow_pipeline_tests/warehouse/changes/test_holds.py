"""A hold costs only its clients: whatever happens, every published table is that of the facts published of each
client's part of each day, kept here as sets, no fact is published twice, and the sum closes (E3).
"""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from random import Random
from typing import Any
from uuid import UUID, uuid4

import pytest

from eventflow_pipeline.domain.days import DayRange
from eventflow_pipeline.domain.holds import Part
from eventflow_pipeline.warehouse.changes.detection import Scope, StaleDay, stale_days
from eventflow_pipeline.warehouse.days.replacement import replace_day
from eventflow_pipeline.warehouse.parity.comparison import compare_days, compare_everything
from eventflow_pipeline_tests.databases import Database
from eventflow_pipeline_tests.repetitions import some
from eventflow_pipeline_tests.worlds.independent_count import KEYS, Counted, count
from eventflow_pipeline_tests.worlds.site import ALPHA, AUTUMN, BETA, BETA_ONLY, SPRING, Site

CAMPAIGNS = {SPRING: ALPHA, AUTUMN: ALPHA, BETA_ONLY: BETA}
CLIENTS = (ALPHA, BETA, None)
TABLES = ("event_access_logs", "event_survey_entries")
#: With a look-back of one day the first of them is compared by passes over all days only.
BACK = (2, 1, 0)


@dataclass(frozen=True)
class Fact:
    """A visit hit, or an entry (which has a client of its own)."""

    day: date
    minute: int
    campaign: UUID
    session: str
    recorded_at: datetime
    client: UUID | None = None
    utm: str | None = None
    is_entry: bool = False


class World:
    """Facts and rows as the database has them, and what is published of each part: all of it kept as sets."""

    def __init__(self, site: Site, seed: int) -> None:
        self.site, self.chance = site, Random(seed)
        self.days = [site.day(back) for back in BACK]
        self.facts: dict[UUID, Fact] = {}
        self.deleted: dict[UUID, Fact] = {}
        self.owners = dict(CAMPAIGNS)
        self.excluded: set[UUID] = set()
        self.published: dict[Part, dict[UUID, Counted | None]] = {}
        site.database.define(hourly_clients=[ALPHA])
        site.database.execute("create table kept as select * from event_survey_campaigns")
        for day in self.days:
            for campaign, hits in ((SPRING, 20), (AUTUMN, 8), (BETA_ONLY, 12)):
                self.add(day, campaign, hits, late=False)
            self.add(day, SPRING, 11, late=False, is_entry=True)
        site.detect()
        self.publish(self.days)

    # What may happen to the facts.

    def add(self, day: date, campaign: UUID, count: int, *, late: bool = True, is_entry: bool = False) -> None:
        """New facts: recorded now, or when they are dated."""
        new = {}
        for _ in range(count):
            minute = self.chance.randrange(180)
            at = datetime.now(UTC) if late else self.site.at(day, minute)
            client = CAMPAIGNS[campaign] if is_entry else None
            session = f"s{self.chance.randrange(12)}"
            new[uuid4()] = Fact(day, minute, campaign, session, at, client, is_entry=is_entry)
        self.insert(new)

    def insert(self, facts: dict[UUID, Fact]) -> None:
        """Put facts into the tables."""
        self.facts |= facts
        for is_entry, table in enumerate(TABLES):
            rows = []
            for id, fact in facts.items():
                at = self.site.at(fact.day, fact.minute)
                row = {"id": id, "campaign_id": fact.campaign, "session_id": fact.session, "utm_source": fact.utm}
                row |= (
                    {"client_id": fact.client, "phone_norm": str(id), "created_at": at}
                    if is_entry
                    else {"accessed_at": at, "created_at": fact.recorded_at}
                )
                rows += [row] if fact.is_entry == bool(is_entry) else []
            self.site.database.insert(table, rows)

    def some(self, day: date, campaign: UUID | None, count: int) -> list[UUID]:
        """Ids of facts of a day and campaign (None: any)."""
        ids = [id for id, fact in self.facts.items() if fact.day == day and campaign in (None, fact.campaign)]
        return self.chance.sample(ids, min(count, len(ids)))

    def edit(self, ids: Iterable[UUID], sql: str, entries: str | None, **changes: Any) -> None:
        """Change facts; ``entries``: how an entry is changed, None: not."""
        for id in ids:
            fact = self.facts[id]
            if fact.is_entry and entries is None:
                continue
            self.facts[id] = replace(fact, **changes)
            table, assigned = ("event_survey_entries", entries) if fact.is_entry else ("event_access_logs", sql)
            values = {"at": self.site.at(changes.get("day", fact.day), fact.minute), **changes}
            used = {name: value for name, value in values.items() if f":{name}" in (assigned or "")}
            self.site.database.execute(f"update {table} set {assigned} where id = :id", id=id, **used)

    def change(self) -> set[date]:
        """Something happens; returns the days it happened to."""
        chance, execute = self.chance, self.site.database.execute
        day, other = chance.sample(self.days, 2)
        campaign, target = chance.sample(sorted(CAMPAIGNS), 2)
        many = chance.choice((1, 3, 30))
        match chance.choices(range(9), (5, 4, 7, 2, 2, 2, 2, 8, 2))[0]:
            case 0:
                ids = self.some(day, campaign, many)
                self.deleted |= {id: self.facts.pop(id) for id in ids}
                for table in TABLES:
                    execute(f"delete from {table} where id = any(:ids)", ids=ids)
            case 1:
                self.edit(self.some(day, campaign, many), "campaign_id = :campaign", None, campaign=target)
            case 2:
                self.edit(self.some(day, campaign, many), "accessed_at = :at", "created_at = :at", day=other)
                return {day, other}
            case 3:
                self.edit(self.some(day, campaign, many), "utm_source = :utm", "utm_source = :utm", utm=f"u{many}")
            case 4:
                execute("delete from event_survey_campaigns where id = :id", id=campaign)
                self.owners.pop(campaign, None)
                return {*self.days}
            case 5:
                execute("insert into event_survey_campaigns select * from kept on conflict do nothing")
                self.owners = {**CAMPAIGNS, **self.owners}
                return {*self.days}
            case 6:
                self.excluded ^= {campaign}
                sql = "insert into stats.exclusion (campaign_id, reason, author) values (:id, 'r', 'a')"
                execute(sql if campaign in self.excluded else "delete from stats.exclusion where campaign_id = :id",
                        id=campaign)  # fmt: skip
                return {*self.days}
            case 7:
                self.add(day, campaign, chance.randrange(1, 12), late=chance.random() < 0.8)
            case 8:
                self.insert(self.deleted)
                self.deleted = {}
                return {*self.days}
        return {day}

    # What is published.

    def now(self) -> dict[Part, dict[UUID, Counted | None]]:
        """The facts of every part, by id; None: excluded."""
        parts: dict[Part, dict[UUID, Counted | None]] = defaultdict(dict)
        for id, fact in self.facts.items():
            client = fact.client if fact.is_entry else self.owners.get(fact.campaign)
            keys = {
                "client_id": client, "entity_type": "campaign", "entity_id": fact.campaign, "link_id": None,
                "link_status": "unknown", "utm_source": fact.utm, "utm_medium": None, "utm_campaign": None,
            }  # fmt: skip
            counted = Counted(
                keys, None if fact.is_entry else fact.session, id if fact.is_entry else None,
                self.site.at(fact.day, fact.minute),
            )  # fmt: skip
            parts[fact.day, client][id] = None if fact.campaign in self.excluded else counted
        return dict(parts)

    def marked(self) -> list[StaleDay]:
        """The days of which something is held."""
        return [stale for stale in stale_days(self.site.database.pipeline) if stale.held_since]

    def held(self) -> set[Part]:
        """The parts that are held; none is of a day counted without its dimension rows."""
        return {(s.day, client) for s in self.marked() for client in s.held_names if s.cause != "dimensions_missing"}

    def publish(self, days: Iterable[date], *, accepted: bool = False) -> None:
        """Replace the days; what is not held then is published as it is now."""
        for day in days:
            if accepted:
                self.site.database.replace(day)
            else:
                replace_day(self.site.database.pipeline, day, self.site.database.settings)
            now, held = self.now(), self.held()
            for part in {(day, client) for client in CLIENTS} - held:
                self.published[part] = now.get(part, {})

    def detect(self, scope: Scope) -> tuple[date, ...]:
        """A pass; returns the days due."""
        return self.site.detect(scope, changes={"lookback_days": 1}).days

    def step(self) -> None:
        """Something happens, is found, and what is due is computed; now and then somebody accepts what is held."""
        touched = self.change()
        recent = touched <= {*self.days[1:]}
        self.publish(self.detect(self.chance.choice([Scope.LOOKBACK, Scope.ALL]) if recent else Scope.ALL))
        marked = self.marked()
        if marked and self.chance.random() < 0.1:
            # Who only is held with others follows by itself.
            self.publish([stale.day for stale in marked if stale.losing], accepted=True)
            self.publish(self.detect(Scope.ALL))
            assert self.held() == set()
        assert self.detect(Scope.ALL) == (), "nothing is due once it was computed"

    # What must be so.

    def wrong(self) -> list[object]:
        """Everything that is not so."""
        now, held = self.now(), self.held()
        found: list[object] = []
        published_by: dict[UUID, Part] = {}
        for part, facts in self.published.items():
            if part not in held and facts != now.get(part, {}):
                found.append(("old", part))
            for id, counted in facts.items():
                if counted and published_by.setdefault(id, part) != part:
                    found.append(("twice", part, published_by[id]))
                there = next((other for other in now if id in now[other]), part)
                if (part in held) != (there in held):
                    found.append(("between", part, there))
        database = self.site.database
        told = {(stale.day, client) for stale in self.marked() for client in stale.held_names}
        for day in self.days:
            found += self._wrong_tables(day)
            for client in (ALPHA, BETA):
                state = "select complete from stats.range_state(:d, :d, :c)"
                if database.rows(state, d=day, c=client)[0]["complete"] == ((day, client) in told):
                    found.append(("complete", day, client))
        found += self._wrong_sums(now, held)
        whole = compare_everything(database.pipeline, database.settings, DayRange(self.days[0], self.days[-1]))
        return [*found, *whole.differences, *whole.stale]

    def _counted(self, *days: date) -> list[Counted]:
        return [c for (day, _), facts in self.published.items() if day in days for c in facts.values() if c]

    def _wrong_tables(self, day: date) -> Iterable[object]:
        measures = "hits, visits, sessionless_hits, conversions"
        for grain, keys in KEYS.items():
            for days in ([day], self.days):
                stored = {
                    tuple(row[key] for key in keys): tuple(row[name] for name in measures.split(", "))
                    for row in self.site.database.summary(grain, DayRange(days[0], days[-1]))
                    if row["hits"] or row["conversions"]
                }
                if stored != count(self._counted(*days), grain):
                    yield grain, days
        hours: dict[object, list[Counted]] = defaultdict(list)
        for fact in self._counted(day):
            if fact.keys["client_id"] == ALPHA:
                hours[fact.at.replace(minute=0, second=0), fact.keys["entity_id"]].append(fact)
        stored_hours = {
            (row["bucket_hour"], row["entity_id"]): tuple(row[name] for name in measures.split(", "))
            for row in self.site.database.rows("select * from stats.campaign_hourly where bucket_date = :d", d=day)
        }
        if stored_hours != {key: count(facts, "platform")[()] for key, facts in hours.items()}:
            yield "hours", day

    def _wrong_sums(self, now: dict[Part, dict[UUID, Counted | None]], held: set[Part]) -> Iterable[object]:
        """Σ buckets + excluded + Σ held differences = raw, each client's difference being that of the sets."""
        database = self.site.database
        differences = {
            (d.day, d.client_id): (d.hits, d.entries)
            for d in compare_days(database.pipeline, database.settings, DayRange(self.days[0], self.days[-1])).held
        }
        expected = {}
        for part in held:
            of_now, of_published = (
                [fact for fact in facts.get(part, {}).values() if fact] for facts in (now, self.published)
            )
            before, after = (
                (sum(f.entry is None for f in facts), sum(f.entry is not None for f in facts))
                for facts in (of_published, of_now)
            )
            expected[part] = (after[0] - before[0], after[1] - before[1])
        if differences != expected:
            yield "held", differences, expected
        for day in self.days:
            state = self.site.state(day)
            raw = [fact.is_entry for fact in self.facts.values() if fact.day == day]
            for n, measure in enumerate(("hits", "conversions")):
                closed = state[measure] + state[f"excluded_{measure}"]
                closed += sum(of[n] for (of_day, _), of in differences.items() if of_day == day)
                if closed != raw.count(bool(n)):
                    yield "sum", day, measure, closed


def _check(database: Database, seed: int, steps: int) -> None:
    world = World(Site(database), seed)
    for step in range(steps):
        world.step()
        if step % 3 == 2:
            database.merge_pending()
        wrong = world.wrong()
        assert wrong == [], (seed, step, wrong)


@pytest.mark.parametrize("seed", some([100, 101], 1))
def test_what_is_published_is_that_of_its_facts(database: Database, seed: int) -> None:
    _check(database, seed, steps=8)


@pytest.mark.long
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("seed", range(2, 12))
def test_what_is_published_is_that_of_its_facts_for_long(database: Database, seed: int) -> None:
    _check(database, seed, steps=60)
