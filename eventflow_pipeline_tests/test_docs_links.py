"""Links of every page lead somewhere: to a file that is there, to an anchor that it has; and no page is an orphan."""

import re
from collections import Counter
from pathlib import Path
from urllib.parse import unquote

import pytest

from eventflow_pipeline.settings import project_root

ROOT = project_root()
PAGES = [*sorted(ROOT.glob("*.md")), *sorted((ROOT / "docs").rglob("*.md")), ROOT / "conformance" / "README.md"]
_LINK = re.compile(r"\]\(<?([^()\s>]+)>?\)")
_CODE = re.compile(r"^```.*?^```|^(?:    [^\n]*\n)+|`[^`\n]*`", re.MULTILINE | re.DOTALL)


def _prose(page: Path) -> str:
    """A page without its code, where brackets are no links."""
    return _CODE.sub("", page.read_text(encoding="utf-8"))


def anchors(page: Path) -> set[str]:
    """What can be linked in a page: its anchors, and its headings as hosts of repositories and our site slug them."""
    text = re.sub(r"^```.*?^```", "", page.read_text(encoding="utf-8"), flags=re.MULTILINE | re.DOTALL)
    found: Counter[str] = Counter()
    slugs = set(re.findall(r'<a id="([^"]+)"></a>', text))
    for heading in re.findall(r"^#+ (.+)$", text, re.MULTILINE):
        plain = re.sub(r"<[^>]+>|\]\([^)]*\)", "", heading).strip().lower()
        slug = re.sub(r"[^\w -]", "", plain).strip().replace(" ", "-")
        slugs.add(f"{slug}-{found[slug]}" if found[slug] else slug)
        found[slug] += 1
    return slugs


def _dead(page: Path, text: str) -> list[str]:
    dead = []
    for link in _LINK.findall(text):
        if re.match(r"[a-z]+:", link):
            continue
        path, _, anchor = unquote(link).partition("#")
        target = (page.parent / path).resolve() if path else page
        there = target.is_relative_to(ROOT) and target.exists()
        if not there or (anchor and (target.suffix != ".md" or anchor not in anchors(target))):
            dead.append(link)
    return dead


def test_every_link_and_anchor_leads_somewhere() -> None:
    links = sum(len(_LINK.findall(_prose(page))) for page in PAGES)
    assert links > 200
    found = {str(page.relative_to(ROOT)): dead for page in PAGES if (dead := _dead(page, _prose(page)))}
    assert found == {}


@pytest.mark.parametrize(
    ("text", "dead"),
    [
        ("[a](docs/rules.md#t1) [b](LICENSE) [c](docs/) [d](https://example.org/x#y)", []),
        ("[a](docs/rulez.md)", ["docs/rulez.md"]),
        ("[a](docs/runbook.md#t99)", ["docs/runbook.md#t99"]),
        ("![a](docs/images/none.png)", ["docs/images/none.png"]),
        ("[a](../elsewhere.md) [b](#nowhere)", ["../elsewhere.md", "#nowhere"]),
    ],
)
def test_a_dead_link_is_noticed(text: str, dead: list[str]) -> None:
    assert _dead(ROOT / "README.md", text) == dead


def test_the_readme_leads_to_every_page() -> None:
    linked = {(ROOT / link.partition("#")[0]).resolve() for link in _LINK.findall(_prose(ROOT / "README.md"))}
    site = {ROOT / "docs" / "index.md"}
    assert set((ROOT / "docs").glob("*.md")) - linked - site == set()
