"""``eventflow erase``: after it no table of schema stats names the person, whatever became of the days."""

import json
from functools import partial
from uuid import uuid4

import psycopg
import pytest

from eventflow_pipeline.warehouse.changes.erasure import Person, erase_traces
from eventflow_pipeline_tests import facts
from eventflow_pipeline_tests.command_line import Eventflow, refused
from eventflow_pipeline_tests.databases import Database
from eventflow_pipeline_tests.worlds.site import ALPHA, SPRING, Site

SESSION = "5e55-of-one-person"


class Requested:
    """A site whose one person was on two days (all of one of them), registered, and left traces in capture's tables."""

    def __init__(self, database: Database, eventflow: Eventflow) -> None:
        self.database, self.site = database, Site(database)
        site = self.site
        self.run = partial(eventflow, EVENTFLOW_START_DATE=str(database.settings.start_date))
        self.days = site.day(40), site.day(5)
        self.visits = facts.visits(
            database, *[site.at(self.days[0], n) for n in range(12)], session_id=SESSION, campaign_id=SPRING
        ) + facts.visits(database, site.at(self.days[1]), session_id=f" {SESSION} ", campaign_id=SPRING)
        site.visits(self.days[1], 30)
        (self.entry,) = facts.entries(
            database,
            site.at(self.days[1], 60),
            campaign_id=SPRING,
            client_id=ALPHA,
            session_id=SESSION,
        )
        for fact, id, session in (("visit", self.visits[0], None), ("entry", self.entry, SESSION)):
            database.execute(
                "insert into stats.fact_surface (fact, fact_id, session_id, surface, captured_at) "
                "values (:fact, :id, :session, '/page', :at)",
                fact=fact,
                id=id,
                session=session,
                at=site.at(self.days[0]),
            )
        letters = ({"session_id": f"{SESSION} "}, {"deep": [{"entry_id": str(self.entry)}]}, {"session_id": "other"})
        for payload in letters:
            database.execute(
                "insert into stats.dead_letter (fact, event_id, reason, payload) "
                "values ('visit', :id, '23503', cast(:payload as jsonb))",
                id=uuid4(),
                payload=json.dumps(payload),
            )
        site.heal()
        database.merge_pending()
        self.command = ("erase", "--session", SESSION, "--entry", str(self.entry), "--author", "ann")

    def forget(self) -> None:
        """Delete the person's facts, as EventFlow does on request."""
        self.database.execute("delete from event_access_logs where btrim(session_id) = :s", s=SESSION)
        self.database.execute("delete from event_survey_entries where id = :id", id=self.entry)

    def named(self) -> set[str]:
        """Tables of schema stats in which any value of any row has the session or the entry, by the catalog."""
        with psycopg.connect(self.database.url) as connection:
            tables = [
                name
                for (name,) in connection.execute(
                    "select c.oid::regclass::text from pg_class c "
                    "where c.relnamespace = 'stats'::regnamespace and c.relkind in ('r', 'm')"
                )
            ]
            assert {"stats.session_days", "stats.dead_letter", "stats.day_ledger"} <= set(tables)
            return {
                table
                for table in tables
                if connection.execute(
                    f"select from {table} t where strpos(t::text, %s) > 0 or strpos(t::text, %s) > 0 limit 1",
                    [SESSION, str(self.entry)],
                ).fetchall()
            }


@pytest.fixture
def requested(database: Database, eventflow: Eventflow) -> Requested:
    return Requested(database, eventflow)


def test_nothing_names_the_person_any_more(requested: Requested) -> None:
    database, site = requested.database, requested.site
    before = requested.named()
    assert before == {"stats.session_days", "stats.fact_surface", "stats.dead_letter"}
    seen = json.loads(requested.run(*requested.command, "--reason", "r", "--dry-run", "--json").stdout)
    assert (seen["visits_left"], seen["entries_left"], seen["dead_letters"], seen["first_touches"]) == (13, 1, 2, 1)
    assert seen["days"] == [str(day) for day in requested.days]
    refused(
        requested.run(*requested.command, "--reason", "r", "--yes"),
        "13 visits and 1 entries still name the person: delete them",
    )
    assert requested.named() == before
    requested.forget()
    refused(requested.run(*requested.command, "--reason", "asked for it"), "is erased for good", "--yes")
    done = requested.run(*requested.command, "--reason", "asked for it", "--yes", "--json")
    assert done.returncode == 0, done.stderr
    assert requested.named() == set()
    for said in (done.stdout, done.stderr):
        assert SESSION not in said
        assert str(requested.entry) not in said
    # All of a client's day was this person's: the guard lets that loss pass, with who asked and why.
    assert json.loads(done.stdout)["done"] == [str(day) for day in requested.days]
    assert site.client_hits(requested.days[0]) == {}
    assert site.client_hits(requested.days[1]) == {ALPHA: 30}
    ledger = database.rows(
        "select reason, author from stats.day_ledger where reason like '%erasure%' and client_id is null"
    )
    assert {(row["reason"].split(": ", 1)[1], row["author"]) for row in ledger} == {("erasure: asked for it", "ann")}
    assert database.rows("select session_id from stats.session_days where session_id like 'erased%'") == []
    assert len(database.rows("select from stats.dead_letter")) == 1, "other people's letters wait on"
    left = database.rows("select fact_id from stats.fact_surface")
    assert left == [], "also of the visit that is no more"
    span = ("--from", str(requested.days[0]), "--to", str(requested.days[1]))
    checked = requested.run("verify", *span)
    assert checked.returncode == 0, checked.stdout


def test_a_day_that_loses_more_is_held_and_names_nobody(requested: Requested) -> None:
    requested.forget()
    requested.database.execute("delete from event_access_logs where session_id <> 's0'")
    done = requested.run(*requested.command, "--reason", "asked for it", "--yes", "--json")
    assert done.returncode == 3, done.stderr
    assert json.loads(done.stdout)["held"] == [str(requested.days[1])]
    assert requested.named() == set()
    assert requested.site.client_hits(requested.days[1]) == {ALPHA: 31}, "published as it was"


def test_what_was_interrupted_behind_the_names_is_finished_by_the_same_command(requested: Requested) -> None:
    database, settings = requested.database, requested.database.settings
    requested.forget()
    erase_traces(database.pipeline, settings, Person(SESSION, requested.entry))  # and the process is killed
    assert requested.named() == set()
    requested.site.detect()
    assert requested.site.state(requested.days[0])["held_since"], "all of the day was this person's"
    done = requested.run(*requested.command, "--reason", "asked for it", "--yes", "--json")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["done"] == [str(day) for day in requested.days]
    assert requested.site.client_hits(requested.days[0]) == {}
    assert database.rows("select from stats.erased_day") == []


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        (("--reason", "r"), "Say who"),
        (("--session", "s", "--reason", " "), "--reason is empty"),
        (("--session", " ", "--reason", "r"), "The session is empty"),
        (("--entry", "me", "--reason", "r"), "The entry is no id"),
        (("--session", "abc-1", "--reason", "for ABC-1"), "leave the session and the entry out"),
        (("--session", "-", "--entry", "-", "--reason", "r"), "Standard input is one value"),
    ],
)
def test_what_is_refused(eventflow: Eventflow, arguments: tuple[str, ...], why: str) -> None:
    refused(eventflow("erase", *arguments), why)


def test_a_value_by_standard_input_is_no_argument(eventflow: Eventflow) -> None:
    """Standard input is empty here: it is what is read, not the command line that others can see."""
    refused(eventflow("erase", "--entry", "-", "--reason", "r"), "The entry is no id")
