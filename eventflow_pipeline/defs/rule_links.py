"""Links from the catalog to the rules (``docs/rules.md``) that an asset's description cites."""

import re
from collections.abc import Iterator

import dagster as dg

from eventflow_pipeline.settings import load_settings

#: Rule ids as they are cited: T1, Q2-Q4. Their anchors are the same in small letters.
CITED = re.compile(r"(?<![\w.-])([PCBSFOTNEAMQW])([1-9])(?:\s?[-–]\s?\1([1-9]))?(?!\w)")


def cited_rules(text: str) -> Iterator[str]:
    """Every rule id a text cites, ranges written out, repeats included."""
    for family, first, last in CITED.findall(text):
        yield from (f"{family}{number}" for number in range(int(first), int(last or first) + 1))


def rules_metadata(description: str) -> dict[str, dg.MetadataValue]:
    """Metadata ``rules``: the rules a description cites, as links where EVENTFLOW_DOCS_RULES_URL is an address.

    Nothing for a description that cites none.
    """
    page = load_settings().docs.rules_url
    rules = sorted(set(cited_rules(description)))
    if not rules:
        return {}
    if page.startswith(("https://", "http://")):
        rules = [f"[{rule}]({page}#{rule.lower()})" for rule in rules]
    return {"rules": dg.MetadataValue.md(f"{', '.join(rules)}: {page}")}
