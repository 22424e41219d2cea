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
