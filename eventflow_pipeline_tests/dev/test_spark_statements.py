"""The statements of a second engine say what ours say: written by rules, and refused where no rule carries them."""

import shutil
from pathlib import Path

import pytest

from eventflow_pipeline.dev.spark_statements import carried, main, written
from eventflow_pipeline.errors import UserError
from eventflow_pipeline.warehouse.db.sql import sql_root


def test_what_is_committed_is_what_the_rules_give() -> None:
    there = {file.stem: file.read_text() for file in (sql_root() / "spark").glob("*.sql")}
    assert there == written(), "run make format"


def test_a_file_that_differs_fails_the_check(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    root = tmp_path / "sql"
    shutil.copytree(sql_root(), root)
    monkeypatch.setattr("eventflow_pipeline.dev.spark_statements.sql_root", lambda: root)
    assert main(["--check"]) == 0
    (root / "spark" / "cells.sql").write_text("select 1")
    (root / "spark" / "left_over.sql").write_text("select 1")
    assert main(["--check"]) == 1
    assert "sql/spark/cells.sql" in (told := capsys.readouterr().err)
    assert "sql/spark/left_over.sql" in told
    assert main([]) == 0
    assert main(["--check"]) == 0


def test_a_statement_nobody_decided_about_is_refused(tmp_path: Path) -> None:
    shutil.copytree(sql_root(), tmp_path / "sql")
    (tmp_path / "sql" / "numbers" / "viewers.sql").write_text("select 1")
    with pytest.raises(UserError, match="numbers/viewers is neither carried to Spark nor named as staying"):
        written(tmp_path / "sql")


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("select width_bucket(a, array[1, 2]) as n from stats.visit_facts", "WIDTH_BUCKET"),
        ("select num_nonnulls(a, b) as n from stats.visit_facts", "NUM_NONNULLS"),
        ("select hash_record_extended(row(a, b), 0) as h from stats.visit_facts", "HASH_RECORD_EXTENDED"),
        ("select row_number() over (partition by a) as n from stats.visit_facts", "names no order"),
        ("select a from public.event_access_logs", "neither stats nor the stage"),
        ("select a::stats.entity_type from stats.visit_facts", "entity_type"),
        ("select date_trunc('day', a, 'Asia/Seoul') as d from stats.visit_facts", "names no UTC"),
        ("select grouping(a, b) as g from stats.visit_facts group by rollup (a, b)", "GROUPING"),
        ("select a from stats.visit_facts where", "cannot be carried"),
    ],
)
def test_what_no_rule_carries_is_refused_in_a_sentence(text: str, why: str) -> None:
    with pytest.raises(UserError, match="cannot be carried to Spark") as refusal:
        carried("numbers/example", text)
    assert why in str(refusal.value)


def test_the_rules_by_example() -> None:
    example = """
        select date_trunc('hour', v.accessed_at, 'UTC') as hour, uuid_hash_extended(v.id, 0) as id_hash
        from stats.visit_facts v
        where v.campaign_id = any (cast(:campaigns as uuid[]))
        order by 1
    """
    body = carried("numbers/example", example).partition("\n")[2]
    assert " ".join(body.split()) == (
        "SELECT DATE_TRUNC('HOUR', v.accessed_at) AS hour FROM stats_visit_facts AS v "
        "WHERE ARRAY_CONTAINS(SPLIT(:campaigns, ','), v.campaign_id)"
    )


@pytest.mark.parametrize(
    ("text", "body"),
    [
        (
            "select f.a, sum(f.b) as b from (select v.a, v.b, v.accessed_at as occurred_at from stats.visit_facts v) f "
            "group by f.a",
            "SELECT f.a, SUM(f.b) AS b, {number} <= f.occurred_at)) AS day_no FROM (SELECT v.a, v.b, v.accessed_at AS "
            "occurred_at FROM stats_visit_facts AS v) AS f GROUP BY f.a, day_no",
        ),
        (
            "select n.a, count(distinct s.b) as b from stage_session_days n left join (select b from "
            "stage_session_days group by b) s on s.b = n.b group by n.a",
            "SELECT n.a, COUNT(DISTINCT s.b) AS b, n.day_no FROM stage_session_days AS n LEFT JOIN (SELECT b, "
            "stage_session_days.day_no FROM stage_session_days GROUP BY b, stage_session_days.day_no) AS s ON s.b = "
            "n.b AND s.day_no = n.day_no GROUP BY n.a, n.day_no",
        ),
        (
            "select sum(c.n) as n from (select count(*) as n from stats.visit_facts v where v.at >= :window_start "
            "union all select count(*) from stats.entry_facts e where e.at >= :window_start) c",
            "SELECT SUM(c.n) AS n, c.day_no FROM (SELECT COUNT(*) AS n, {number} <= v.at)) AS day_no FROM "
            "stats_visit_facts AS v WHERE v.at >= :window_start GROUP BY day_no UNION ALL SELECT COUNT(*), {number} <= "
            "e.at)) AS day_no FROM stats_entry_facts AS e WHERE e.at >= :window_start GROUP BY day_no) AS c "
            "GROUP BY c.day_no",
        ),
    ],
)
def test_what_is_made_of_facts_says_of_which_day_it_is(text: str, body: str) -> None:
    number = "SIZE(FILTER(CAST(SPLIT(:starts, ',') AS ARRAY<TIMESTAMP>), start -> start"
    said = " ".join(carried("numbers/example", text).partition("\n")[2].split())
    flat = said.replace("( ", "(").replace(" )", ")")
    assert flat == body.format(number=number)
