"""The command line as a user meets it: what it does, and one sentence with a remedy when it cannot."""

import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
from datetime import date, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import psycopg
import pytest
from sqlalchemy import text
from sqlalchemy.engine import make_url

from eventflow_pipeline.cli.app import asked_range
from eventflow_pipeline.dev.dagster_process import free_port
from eventflow_pipeline.domain.days import today
from eventflow_pipeline.errors import UserError
from eventflow_pipeline.settings import Settings, load_settings, variables
from eventflow_pipeline.warehouse.db.engine import connect
from eventflow_pipeline_tests.command_line import Eventflow, refused, run_eventflow
from eventflow_pipeline_tests.databases import Database
from eventflow_pipeline_tests.servers import server_folder


def _today() -> date:
    """In the zone of the commands; asked right before it is compared, because the tests may begin before midnight."""
    return today(ZoneInfo("Asia/Seoul"))


def test_help_teaches(eventflow: Eventflow) -> None:
    overview = eventflow("--help").stdout
    for command in (
        "migrate",
        "sample",
        "backfill",
        "heal",
        "accept",
        "exclude",
        "rebuild",
        "webinar",
        "doctor",
        "explain",
        "probe",
        "demo",
    ):
        assert command in overview
        assert len(eventflow(command, "--help").stdout.splitlines()) > 8


def test_psql_is_postgres_own_client_where_commands_look(eventflow: Eventflow, database: Database) -> None:
    asked = eventflow("psql", "-Atc", "select current_database()")
    assert (asked.returncode, asked.stdout.strip()) == (0, database.name), asked.stderr
    assert eventflow("psql", "-c", "select 1/0").returncode == 1
    # Whoever has no client of Postgres has the one beside the project's own server.
    assert eventflow("psql", "-Atc", "select 7", PATH="/nowhere").stdout == "7\n"


def test_webinar_sample_takes_the_minute_once(eventflow: Eventflow, database: Database) -> None:
    database.execute(
        "insert into webinars (client_id, title, webinar_start_time) values (gen_random_uuid(), 'w', now())"
    )
    taken = eventflow("webinar", "sample", "--json")
    assert taken.returncode == 0, taken.stderr
    assert [sample["viewers"] for sample in json.loads(taken.stdout)["samples"]] == [0]
    assert len(database.rows("select from stats.webinar_sample")) == 1


def test_sample_then_backfill(eventflow: Eventflow, database: Database) -> None:
    name = str(make_url(database.url).database)
    filled = eventflow("sample", "--database", name, "--days", "8", "--visits-per-day", "60", "--json")
    assert filled.returncode == 0, filled.stderr
    assert json.loads(filled.stdout)["rows"]["event_access_logs"] > 300
    day = _today()
    first = (day - timedelta(days=2)).isoformat()
    done = eventflow("backfill", "--from", first, "--json")
    assert done.returncode == 0, done.stderr
    answer = json.loads(done.stdout)
    assert (answer["from"], answer["to"], answer["done"], answer["failed"]) == (
        first,
        day.isoformat(),
        3,
        [],
    )
    assert database.summary("platform", day - timedelta(days=1))[0]["hits"] > 0
    refused(eventflow("sample", "--database", name, "--days", "8"), "already holds rows", "--replace")


@pytest.mark.parametrize("arguments", [(), ("--replace",), ("--database", "production"), ("--database", "")])
@pytest.mark.parametrize("variable", ["EVENTFLOW_DATABASE_URL", "EVENTFLOW_OWNER_URL"])
def test_sample_leaves_a_server_alone_that_nobody_named(
    eventflow: Eventflow, empty_database: Database, variable: str, arguments: tuple[str, ...]
) -> None:
    """Also where it is named as the owner's alone, as for `eventflow migrate`."""
    name = str(make_url(empty_database.url).database)
    named = {"EVENTFLOW_DATABASE_URL": "", variable: empty_database.url}
    done = eventflow("sample", "--days", "8", *arguments, **named)
    refused(done, f"{variable} names the database {name}", f"--database {name}", "unset it")
    refused(eventflow("demo", "--headless", **named), "The demo fills a server of its own", variable)
    with connect(empty_database.owner) as connection:
        assert connection.execute(text("select to_regclass('public.clients')")).scalar() is None


def test_backfill_names_failed_days_and_exits_with_1(eventflow: Eventflow, database: Database) -> None:
    database.execute(
        "create function public.refuse() returns trigger language plpgsql as "
        "$$ begin if new.bucket_date = '2024-03-02' then raise exception 'no'; end if; return new; end $$"
    )
    database.execute(
        "create trigger refuse before insert on stats.partition_state for each row execute function public.refuse()"
    )
    done = eventflow("backfill", "--from", "2024-03-01", "--to", "2024-03-03")
    assert done.returncode == 1
    assert "2 of 3 days materialized" in done.stdout
    assert "Failed: 2024-03-02" in done.stdout
    assert "2/3 days" in done.stderr, "a progress bar by day"


def test_several_runs_when_days_per_run_is_set(eventflow: Eventflow) -> None:
    done = eventflow("backfill", "--from", "2024-03-01", "--to", "2024-03-05", "--json", EVENTFLOW_RUNS_MAX_DAYS="2")
    answer = json.loads(done.stdout)
    assert (answer["done"], len(answer["runs"])) == (5, 3)


def test_a_ticket_is_in_the_ledger(eventflow: Eventflow, database: Database) -> None:
    done = eventflow("backfill", "--from", "2024-03-01", "--to", "2024-03-01", "--ticket", "EF-7", "--json")
    assert json.loads(done.stdout)["done"] == 1
    assert {row["reason"] for row in database.rows("select reason from stats.day_ledger")} == {"backfill: EF-7"}


def test_bad_dates(eventflow: Eventflow) -> None:
    refused(eventflow("backfill", "--from", "3rd of May"), "--from '3rd of May'", "YYYY-MM-DD")
    refused(
        eventflow("backfill", "--from", "2024-03-05", "--to", "2024-03-01"),
        "2024-03-05..2024-03-01 is reversed",
    )
    refused(eventflow("backfill", "--from", "2023-12-31", "--to", "2024-01-02"), "first partition", "2024-01-01")
    refused(eventflow("backfill", "--from", "2024-03-05", "--to", "2999-01-01"), "future", _today().isoformat())


def test_bad_settings(eventflow: Eventflow) -> None:
    refused(eventflow("migrate", EVENTFLOW_TIMEZONE="Asia/Soul"), "EVENTFLOW_TIMEZONE", "Asia/Soul", "Asia/Seoul")
    refused(eventflow("migrate", EVENTFLOW_START_DATE="soon"), "EVENTFLOW_START_DATE")
    refused(eventflow("migrate", EVENTFLOW_RUNS_PARALLEL_DAYS="0"), "EVENTFLOW_RUNS_PARALLEL_DAYS")
    refused(
        eventflow("migrate", EVENTFLOW_DATABASE_URL="not an address"),
        "EVENTFLOW_DATABASE_URL",
        "postgresql://",
    )
    refused(eventflow("migrate", EVENTFLOW_DATABASE_URL="mysql://x/y"), "mysql", "Postgres 15")


def test_unreachable_server_is_named_without_its_password(eventflow: Eventflow) -> None:
    port = free_port()
    done = eventflow("migrate", EVENTFLOW_DATABASE_URL=f"postgresql://u:hush@127.0.0.1:{port}/x")
    refused(done, f"127.0.0.1:{port}/x", "EVENTFLOW_DATABASE_URL")
    assert "hush" not in done.stderr + done.stdout


def test_unreachable_dagster_storage_is_named(eventflow: Eventflow) -> None:
    port = free_port()
    done = eventflow(
        "backfill", "--from", "2024-03-01", "--to", "2024-03-01",
        DAGSTER_POSTGRES_URL=f"postgresql://u:hush@127.0.0.1:{port}/x",
    )  # fmt: skip
    refused(done, "DAGSTER_POSTGRES_URL", f"127.0.0.1:{port}/x")
    assert "hush" not in done.stderr + done.stdout


def test_nothing_migrated_and_missing_source(eventflow: Eventflow, empty_database: Database) -> None:
    here = {"EVENTFLOW_DATABASE_URL": empty_database.url}
    refused(eventflow("migrate", **here), "event_access_logs is missing", "eventflow sample")
    refused(eventflow("backfill", "--from", "2024-03-01", **here), "eventflow migrate")


def test_the_demo_in_a_home_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    environment = {k: v for k, v in os.environ.items() if not k.startswith(("EVENTFLOW_", "DAGSTER_"))}
    home = str(tmp_path / "file" / "home")
    refused(run_eventflow({**environment, "EVENTFLOW_HOME": home}, "demo", "--headless"), f"{home} cannot be written")


def test_rebuild_wants_to_be_asked_twice(eventflow: Eventflow, database: Database) -> None:
    database.replace(database.settings.start_date)
    refused(eventflow("rebuild"), "--yes")
    assert len(database.rows("select from stats.partition_state")) == 1
    refused(
        eventflow("backfill", "--from", "2024-03-01", "--to", "2024-03-01", EVENTFLOW_TIMEZONE="UTC"),
        "EVENTFLOW_TIMEZONE is UTC", "eventflow rebuild",
    )  # fmt: skip
    assert eventflow("rebuild", "--yes", EVENTFLOW_TIMEZONE="UTC").returncode == 0
    assert database.rows("select from stats.partition_state") == []


def test_unset_build_settings_follows_the_database(eventflow: Eventflow) -> None:
    done = eventflow("migrate", "--json", EVENTFLOW_START_DATE="")
    assert json.loads(done.stdout)["first_partition"] == "2024-01-01"


def test_port_in_use(eventflow: Eventflow, tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        done = eventflow("demo", "--headless", "--port", str(port), EVENTFLOW_DATABASE_URL="")
    refused(done, f"Port {port}", "--port")


def test_demo_leaves_a_named_server_alone(eventflow: Eventflow) -> None:
    refused(eventflow("demo", "--headless"), "unset EVENTFLOW_DATABASE_URL")


@pytest.mark.parametrize(
    "nested",
    [pytest.param("short", marks=pytest.mark.long), "a-very-long-folder-name-that-makes-socket-paths-too-long-" * 2],
)
def test_embedded_server_from_any_folder(nested: str) -> None:
    """Unset EVENTFLOW_DATABASE_URL: also below a folder only its owner may enter, and far down (socket path length)."""
    base = server_folder("closed")
    home = base / nested / "home"
    home.mkdir(parents=True)
    base.chmod(0o700)
    environment = {k: v for k, v in os.environ.items() if not k.startswith(("EVENTFLOW_", "DAGSTER_"))}
    environment["EVENTFLOW_HOME"] = str(home)
    try:
        for arguments in (["sample", "--days", "7", "--visits-per-day", "5"], ["migrate"]):
            done = run_eventflow(environment, *arguments)
            assert done.returncode == 0, done.stderr
        assert base.stat().st_mode & 0o777 == 0o700, "nobody's permissions were changed"
    finally:
        if (home / "postgres").is_symlink():
            shutil.rmtree((home / "postgres").resolve().parent, ignore_errors=True)
        shutil.rmtree(base, ignore_errors=True)


def test_home_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    environment = {k: v for k, v in os.environ.items() if not k.startswith(("EVENTFLOW_", "DAGSTER_"))}
    refused(
        run_eventflow({**environment, "EVENTFLOW_HOME": str(tmp_path / "file" / "home")}, "migrate"), "EVENTFLOW_HOME"
    )


def test_settings_shows_what_is_in_force_and_no_secret(eventflow: Eventflow) -> None:
    shown = eventflow(
        "settings", "--json", EVENTFLOW_RUNS_PARALLEL_DAYS="5", EVENTFLOW_ALERTS_URLS="json://u:hush@127.0.0.1:1/",
        EVENTFLOW_CAPTURE_KEYS="hush-hush-hush-hush", DAGSTER_POSTGRES_URL="postgresql://u:hush@127.0.0.1:1/d",
        DAGSTER_HOME="/srv/dagster",
    )  # fmt: skip
    assert "hush" not in shown.stdout
    section = {row["setting"]: row["section"] for row in json.loads(shown.stdout)["settings"]}
    assert (section["EVENTFLOW_RUNS_PARALLEL_DAYS"], section["EVENTFLOW_ALERTS_URLS"]) == ("Runs of Dagster", "Alerts")
    now = {row["setting"]: row["now"] for row in json.loads(shown.stdout)["settings"]}
    assert (now["DAGSTER_POSTGRES_URL"], now["DAGSTER_HOME"]) == ("set (secret)", "/srv/dagster")
    assert (now["EVENTFLOW_RUNS_PARALLEL_DAYS"], now["EVENTFLOW_ALERTS_URLS"]) == ("5", "set (secret)")
    assert now["EVENTFLOW_CHANGES_LOOKBACK_DAYS"] == "3"
    refused(eventflow("settings", EVENTFLOW_RUNS_PARALLEL_DAYS="none"), "EVENTFLOW_RUNS_PARALLEL_DAYS")


@pytest.mark.parametrize(
    ("variable", "value", "sentence"),
    [
        ("EVENTFLOW_CAPTURE_KEY", "k" * 16, "is no setting (did you mean EVENTFLOW_CAPTURE_KEYS?)"),
        ("EVENTFLOW_LOOKBACK_DAYS", "5", "is no setting (did you mean EVENTFLOW_CHANGES_LOOKBACK_DAYS?)"),
        ("EVENTFLOW_CAPTURE", '{"rate": "off"}', "is no setting"),
        ("EVENTFLOW_QUALITY_THRESHOLDS", "{warn", "is no JSON"),
        ("EVENTFLOW_QUALITY_THRESHOLDS", '{"linkage": {"warn": "much"}}', "should be a valid number"),
        ("EVENTFLOW_QUALITY_THRESHOLDS", '{"linkage": {"wrn": 0.6}}', "unexpected keyword"),
        ("EVENTFLOW_QUALITY_THRESHOLDS", '{"linkag": {}}', "names the unknown threshold 'linkag'"),
        ("EVENTFLOW_QUALITY_THRESHOLDS", '{"linkage": {"error": 0.9}}', "linkage warn at 0.7, beyond its error at 0.9"),
        ("EVENTFLOW_QUALITY_THRESHOLDS", '{"silence": {"warn": 5}}', "silence warn at 5.0, beyond its error at 3.0"),
        ("EVENTFLOW_TIMEZONE", "Asia/Soul", "use an IANA name"),
    ],
)
def test_a_setting_that_is_wrong_is_named_with_the_remedy(
    monkeypatch: pytest.MonkeyPatch, variable: str, value: str, sentence: str
) -> None:
    monkeypatch.setenv(variable, value)
    with pytest.raises(UserError) as refusal:
        load_settings()
    assert str(refusal.value).startswith(variable + " ")
    assert sentence in str(refusal.value)
    monkeypatch.setenv(variable, "")
    load_settings()


def test_every_setting_has_a_default_and_a_description_that_stands_alone(eventflow: Eventflow) -> None:
    rows = json.loads(eventflow("settings", "--json").stdout)["settings"]
    assert len({row["setting"] for row in rows}) == len(rows) > 70
    wrong = [
        row["setting"]
        for row in rows
        if "Pydantic" in row["default"] or not row["default"] or not re.match(r"[A-Zw].*[.}]$", row["meaning"])
    ]
    assert wrong == []


def test_every_variable_that_pages_code_and_sql_name_is_a_setting() -> None:
    root = Path(__file__).resolve().parents[2]
    known = {variable.name for variable in variables()}
    files = [root / "README.md", root / "CHANGELOG.md"]
    for folder, ending in (("docs", "md"), ("eventflow_pipeline", "py"), ("sql", "sql"), ("benchmarks", "py")):
        files += sorted((root / folder).rglob(f"*.{ending}"))
    named = {name: file for file in files for name in re.findall(r"\bEVENTFLOW_[A-Z_]*[A-Z]\b(?!_)", file.read_text())}
    assert len(named) > 70
    assert {name: str(file) for name, file in named.items() if name not in known} == {}


def test_the_page_of_settings_is_what_the_command_prints(eventflow: Eventflow) -> None:
    page = Path(__file__).resolve().parents[2] / "docs" / "settings.md"
    assert eventflow("settings", "--markdown").stdout == page.read_text(), "eventflow settings --markdown"


@pytest.mark.parametrize(
    ("first", "last", "sentence"),
    [
        ("0001-01-01", None, "0001-01-01 is before the first partition: give 2010-01-01 or later."),
        ("2010-01-01", "9999-12-31", "9999-12-31 is in the future: give {today} (today in Asia/Seoul) or earlier."),
        ("2020-01-02", "2020-01-01", "The range 2020-01-02..2020-01-01 is reversed: give the earlier date to --from."),
        ("2010-01-01", "2020-01-09", "The range 2010-01-01..2020-01-09 has 3,661 days: ask for at most 3,660 at once."),
        ("-infinity", None, "--from '-infinity' is not a date: write it as YYYY-MM-DD."),
        ("294276-01-01", None, "--from '294276-01-01' is not a date: write it as YYYY-MM-DD."),
    ],
)
def test_a_range_that_nobody_can_mean_is_refused(first: str, last: str | None, sentence: str) -> None:
    settings = Settings(start_date=date(2010, 1, 1))
    with pytest.raises(UserError) as refusal:
        asked_range(settings, first, last)
    assert str(refusal.value) == sentence.format(today=_today())


def test_every_command_with_dates_refuses_them_in_one_sentence(
    eventflow: Eventflow, database: Database, tmp_path: Path
) -> None:
    long = ("--from", "2010-01-01", "--to", "2025-01-01")
    out = str(tmp_path / "r.csv")
    for command in (("verify",), ("backfill",), ("report", "--client", "unknown", "--out", out)):
        done = eventflow(*command, *long, EVENTFLOW_START_DATE="2010-01-01")
        refused(done, "has 5,480 days: ask for at most 3,660 at once.")
    for day, named in (("0001-01-01", "before the first partition"), ("9999-12-31", "is in the future")):
        refused(eventflow("explain", "--client", "unknown", "--date", day), named)
    name = str(make_url(database.url).database)
    refused(eventflow("sample", "--database", name, "--days", "999999999"), "at most 3,660 days")
    refused(eventflow("migrate", EVENTFLOW_START_DATE="0001-01-01"), "EVENTFLOW_START_DATE")


def test_ctrl_c_keeps_what_is_done_and_says_how_to_go_on(environment: dict[str, str], database: Database) -> None:
    """Whatever a day waits for; days that were computed are known to Dagster, and no other day or run begins."""
    waiting = date(2024, 3, 2)
    with psycopg.connect(database.url, autocommit=True) as other:
        for day in (waiting, date(2024, 3, 1)):
            other.execute("select pg_advisory_lock(%s, %s)", [0x0EF10001, day.toordinal()])
        started = subprocess.Popen(
            [Path(sys.executable).with_name("eventflow"), "backfill", "--from", "2024-03-01", "--to", "2024-03-04"],
            env={**environment, "EVENTFLOW_RUNS_MAX_DAYS": "3", "EVENTFLOW_RUNS_PARALLEL_DAYS": "1"},
            stderr=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        waits = "select from pg_locks where locktype = 'advisory' and objid = %s and not granted"
        done = "select bucket_date from stats.partition_state order by 1"
        while not (other.execute(waits, [waiting.toordinal()]).fetchall() and len(other.execute(done).fetchall()) == 2):
            assert started.poll() is None
            time.sleep(0.1)
        started.send_signal(signal.SIGINT)
        out, err = started.communicate(timeout=60)
    assert started.returncode == 130, err
    assert "Traceback" not in err
    assert "2 of 4 days are done and kept: go on with `eventflow backfill --from 2024-03-01 --to 2024-03-02`." in err
    assert out == ""
    with psycopg.connect(environment["DAGSTER_POSTGRES_URL"]) as dagster:
        runs = dagster.execute("select status, count(*) from runs group by 1").fetchall()
        recorded = dagster.execute(
            "select distinct partition from event_logs "
            "where dagster_event_type = 'ASSET_MATERIALIZATION' and asset_key like '%platform_daily%' order by 1"
        ).fetchall()
    assert sorted(runs) == [("CANCELED", 1), ("SUCCESS", 1)]
    # The last one it may have had no time to record: the next tick does.
    assert ("2024-03-04",) in recorded
