"""Each rule of the numbers (docs/rules.md) has a test that notices when its SQL says something else.

A mutation is a change of a few words, such as somebody could make by mistake. ``make test-long`` applies each to a copy
of ``sql/`` and sees the named test fail; ``make test`` sees that every rule has one and that its words are still there.
"""

import os
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from eventflow_pipeline.settings import project_root
from eventflow_pipeline.warehouse.db.sql import sql_root

#: Computed by no SQL yet.
_LATER: set[str] = set()
_RULES = {
    f"{family}{n}" for family, last in {"T": 4, "N": 1, "E": 3, "A": 6, "M": 6}.items() for n in range(1, last + 1)
}
_FACTS = "numbers/attributed_facts.sql"
_VISITS = "numbers/visits.sql"
_BUCKETS = "numbers/buckets.sql"
_FUNCTIONS = "**/*.sql"


@dataclass(frozen=True)
class Mutation:
    """In every file under ``sql/`` that ``where`` matches, ``words`` become ``instead``; then ``test`` fails."""

    rule: str
    where: str
    words: str
    instead: str
    test: str


_TABLE = [
    # A day includes the first instant of the next.
    Mutation("T1", _FACTS, "e.created_at < :window_end", "e.created_at <= :window_end",
             "warehouse/test_old_mistakes.py::test_1_a_day_is_the_business_zones_not_utc"),
    # Hours begin where a zone at :30 has them.
    Mutation("T2", "numbers/campaign_hours.sql", "date_trunc('hour', occurred_at, 'UTC')",
             "date_trunc('hour', occurred_at, 'Asia/Kolkata')",
             "warehouse/days/test_campaign_hours.py::test_hours_of_days_in_zones"),
    # A range ends before its last day.
    Mutation("T3", _FUNCTIONS, "where b.bucket_date between $1 and $2 and %4$s",
             "where b.bucket_date >= $1 and b.bucket_date < $2 and %4$s",
             "warehouse/test_worked_example.py::test_first_day_holds_row_one_only"),
    # What is older than the first partition is nowhere.
    Mutation("T4", "numbers/out_of_range.sql",
             "(select count(*) from stats.visit_facts v where v.accessed_at < :window_start)", "0",
             "warehouse/changes/test_exclusions.py::test_nothing_is_lost"),
    # Texts up to another length keep all of themselves.
    Mutation("N1", _FUNCTIONS, "octet_length(value) > 200", "octet_length(value) > 400",
             "warehouse/schema/test_normalization.py::test_a_utm_value"),
    # A webinar's visits belong to nothing.
    Mutation("E1", _VISITS, "when v.webinar_id is not null then 'webinar'",
             "when v.webinar_id is not null then 'unknown'",
             "warehouse/test_old_mistakes.py::test_8_facts_of_webinars_and_of_unknown_campaigns_are_counted"),
    # Only campaigns have a client.
    Mutation("E2", _VISITS, "case when v.campaign_id is not null then c.client_id else w.client_id end as client_id",
             "c.client_id as client_id",
             "warehouse/test_old_mistakes.py::test_8_facts_of_webinars_and_of_unknown_campaigns_are_counted"),
    # A rule takes nothing out.
    Mutation("E3", _FACTS, "x.campaign_id is not null as excluded", "false as excluded",
             "warehouse/changes/test_exclusions.py::test_a_rule_marks_and_heals_exactly_the_days_it_affects"),
    # A cid finds no link.
    Mutation("A1", _FACTS, "coalesce(f.link_id, by_cid.id) as link_id", "f.link_id as link_id",
             "warehouse/test_worked_example.py::test_links_on_the_second_day_sum_to_more_than_the_campaign"),
    # A link that does not exist counts as none supplied.
    Mutation("A2", _FACTS, "when f.link_id is not null or f.cid is not null then 'unresolved'",
             "when f.link_id is not null or f.cid is not null then 'unknown'",
             "warehouse/test_worked_example.py::test_links_on_the_second_day_sum_to_more_than_the_campaign"),
    # The link's own UTM do not count.
    Mutation("A3", _FACTS,
             "case when untagged.is_so then coalesce(by_id.utm_source, by_cid.utm_source) else f.utm_source end",
             "f.utm_source", "warehouse/test_worked_example.py::test_utm_combinations"),
    # What dimensions made of a fact is in no fingerprint.
    Mutation("A4", "numbers/folded_facts.sql",
             "id, client_id, entity_id, link_id, link_status, utm_source, utm_medium, utm_campaign, excluded)",
             "id, excluded)",
             "warehouse/changes/test_detection.py::test_changed_dimensions_change_every_day_they_reach[link retagged]"),
    # Whoever types the label is unknown.
    Mutation("A5", _FUNCTIONS, "'source', coalesce(r.utm_source, '__direct__'), 'is_unknown', r.utm_source is null",
             "'source', coalesce(r.utm_source, '__direct__'), "
             "'is_unknown', coalesce(r.utm_source, '__direct__') = '__direct__'",
             "warehouse/schema/test_screens.py::test_the_label_of_the_unknown_can_be_told_from_one_that_was_typed"),
    # Telephone numbers are not looked for in most texts.
    Mutation("A5", _FUNCTIONS, "value collate \"C\" like '%01________%'", "false",
             "warehouse/schema/test_normalization.py::test_members"),
    # The independent count redacts nothing.
    Mutation("A5", "parity/facts.sql", "then '(redacted)'", "then utm.source",
             "warehouse/parity/test_comparison.py::test_a_member_that_should_have_been_redacted_is_found"),
    # A rule that was removed goes on folding.
    Mutation("A6", "numbers/fold_rules.sql", "where r.removed_at is null", "where true",
             "warehouse/changes/test_folds.py::test_a_rule_changes_exactly_its_days_and_removal_restores_every_byte"),
    # Hits of one session are one hit.
    Mutation("M1", _BUCKETS, "sum(counted.hits) as hits", "count(*) as hits",
             "warehouse/test_old_mistakes.py::test_1_a_day_is_the_business_zones_not_utc"),
    # Every hit is a visit.
    Mutation("M2", _BUCKETS, "cast(sum(c.hits) as integer), 1, 0,",
             "cast(sum(c.hits) as integer), cast(sum(c.hits) as integer), 0,",
             "warehouse/test_worked_example.py::test_campaign_on_the_second_day"),
    # Entries of one kind are one conversion.
    Mutation("M3", _BUCKETS, "sum(counted.conversions) as conversions",
             "sum(least(counted.conversions, 1)) as conversions",
             "warehouse/test_old_mistakes.py::test_1_a_day_is_the_business_zones_not_utc"),
    # A rate ends at 1.
    Mutation("M4", _FUNCTIONS, "stats.total(r.conversions)::numeric / nullif(stats.total(r.visits), 0)",
             "least(stats.total(r.conversions)::numeric / nullif(stats.total(r.visits), 0), 1)",
             "warehouse/test_old_mistakes.py::test_12_cvr_may_exceed_one_and_is_null_without_visits"),
    # Visits of every grain are added up from those of links.
    Mutation("M5", _BUCKETS, "case when :by_link then c.link_id end as link_id", "c.link_id as link_id",
             "warehouse/test_old_mistakes.py::test_2_no_distinct_count_is_a_sum_of_finer_ones"),
    # Who came on the first day of a range and again is counted twice.
    Mutation("M6", _FUNCTIONS, "and h.previous_date >= $1", "and h.previous_date > $1",
             "warehouse/ranges/test_ranges.py::test_running_again_changes_nothing_and_a_day_that_became_empty_is_empty"),
]  # fmt: skip


def _mutated(mutation: Mutation, root: Path) -> list[Path]:
    """Files under ``root`` that hold the words."""
    return [file for file in root.glob(mutation.where) if mutation.words in file.read_text(encoding="utf-8")]


def test_every_rule_of_the_numbers_has_one_by_a_test_that_the_page_names() -> None:
    page = (project_root() / "docs" / "rules.md").read_text(encoding="utf-8")
    sections = {
        found[1]: found[0] for found in re.finditer(r"^### <a id=\"\w+\"></a>(\w\d).*?(?=^##)", page, re.M | re.S)
    }
    assert {mutation.rule for mutation in _TABLE} == _RULES - _LATER
    for mutation in _TABLE:
        file = f"`eventflow_pipeline_tests/{mutation.test.split('::')[0]}`"
        assert file in sections[mutation.rule].partition("Tested")[2], (mutation.rule, file)


@pytest.mark.parametrize("mutation", _TABLE, ids=lambda mutation: mutation.rule)
def test_the_words_are_still_there(mutation: Mutation) -> None:
    assert _mutated(mutation, sql_root()), "the SQL has changed: change the mutation with it, and run make test-long"


@pytest.mark.long
@pytest.mark.parametrize("mutation", _TABLE, ids=lambda mutation: mutation.rule)
def test_a_mutation_is_noticed(mutation: Mutation, tmp_path: Path) -> None:
    copy = shutil.copytree(sql_root(), tmp_path / "sql")
    for file in _mutated(mutation, copy):
        file.write_text(file.read_text(encoding="utf-8").replace(mutation.words, mutation.instead), encoding="utf-8")
    command = [sys.executable, "-m", "pytest", "-n", "0", "--tb=short", "-p", f"{__package__}.mutated_sql"]
    done = subprocess.run(
        [*command, f"eventflow_pipeline_tests/{mutation.test}"],
        env={**os.environ, "TEST_SQL_FOLDER": str(copy)},
        cwd=project_root(),
        capture_output=True,
        text=True,
    )
    assert done.returncode == pytest.ExitCode.TESTS_FAILED, done.stdout + done.stderr
    # Noticed as another number, not as a statement that cannot run.
    assert not re.search(r"SyntaxError|Undefined\w+|UniqueViolation", done.stdout), done.stdout
