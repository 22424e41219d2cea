"""``eventflow fold`` as a user meets it: what it costs is said before, and every wrong input has its sentence."""

import json
from functools import partial
from pathlib import Path

from eventflow_pipeline_tests.command_line import Eventflow, refused
from eventflow_pipeline_tests.databases import Database
from eventflow_pipeline_tests.worlds.site import ALPHA, Site


def test_a_rule_is_added_listed_and_removed(eventflow: Eventflow, database: Database, tmp_path: Path) -> None:
    site = Site(database)
    run = partial(eventflow, EVENTFLOW_START_DATE=str(database.settings.start_date))
    for back in (1, 2):
        site.visits(site.day(back), 2, utm_source="Bot\x1b[31m")
    site.visits(site.day(3), 1, utm_source="naver")
    site.heal()
    (tmp_path / "few.txt").write_text("NAVER\n", encoding="utf-8")
    (tmp_path / "bytes.txt").write_bytes(b"\xff\xfe\x00")
    whose = ("--client", "alpha", "--field", "utm_source", "--reason", "bots", "--author", "ann")
    refused(run("fold", "add", *whose, "--prefix", "BOT"), "2 days are computed again", "--yes")
    refused(run("fold", "add", *whose), "Give one of --values FILE, --prefix TEXT and --all-except FILE")
    refused(run("fold", "add", *whose, "--values", str(tmp_path / "no.txt")), "no.txt cannot be read")
    refused(run("fold", "add", *whose, "--values", str(tmp_path / "bytes.txt")), "is not in UTF-8")
    refused(run("fold", "add", "--client", "gamma", *whose[2:], "--prefix", "x"), "There is no client gamma")
    assert database.rows("select from stats.fold_rule") == []

    days = [str(site.day(2)), str(site.day(1))]
    done = run("fold", "add", *whose, "--all-except", str(tmp_path / "few.txt"), "--yes", "--json")
    assert json.loads(done.stdout) == {
        "rule_no": 1, "client_id": str(ALPHA), "field": "utm_source", "values": 1, "days": days
    }, done.stderr  # fmt: skip
    healed = json.loads(run("heal", "--json").stdout)
    assert healed["causes"] == dict.fromkeys(days, "folds_changed")
    sources = database.rows("select utm_source, sum(hits)::int as hits from stats.utm_source_daily group by 1")
    assert {row["utm_source"]: row["hits"] for row in sources} == {"(folded)": 4, "naver": 1}
    assert "1  " in (listed := run("fold", "list").stdout)
    assert "all values but 1 of utm_source of alpha  (ann: bots)" in listed
    explained = json.loads(run("explain", "--client", "alpha", "--date", days[0], "--json").stdout)
    assert (explained["agrees"], explained["folded_facts"]) == (True, 2)

    refused(run("fold", "remove", "1", "--reason", "gone"), "Fold rule 1 ends: up to 2 days are computed again")
    assert json.loads(run("fold", "remove", "1", "--reason", "gone", "--yes", "--json").stdout)["days"] == days
    refused(run("fold", "remove", "1", "--reason", "gone", "--yes"), "no fold rule 1 in force")
    assert json.loads(run("fold", "list", "--json").stdout) == {"folds": []}
    assert "removed" in run("fold", "list", "--removed").stdout
