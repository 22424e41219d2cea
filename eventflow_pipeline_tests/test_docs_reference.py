"""Pages that are printed say what the program says; pages of the site are all in its menu."""

import importlib.util

import pytest
import yaml

from eventflow_pipeline.settings import project_root

DOCS = project_root() / "docs"
_SPEC = importlib.util.spec_from_file_location("reference", DOCS / "reference.py")
assert _SPEC
assert _SPEC.loader
reference = importlib.util.module_from_spec(_SPEC)
_SPEC.loader.exec_module(reference)


@pytest.mark.parametrize("name", reference.PAGES)
def test_a_printed_page_is_what_is_printed(name: str) -> None:
    assert (DOCS / name).read_text(encoding="utf-8") == reference.PAGES[name](), "make reference"


def test_every_page_is_in_the_menu() -> None:
    class Loader(yaml.SafeLoader):
        """As MkDocs: a tag may name a function."""

    Loader.add_multi_constructor("!", lambda *_: None)
    Loader.add_multi_constructor("tag:yaml.org,2002:python/", lambda *_: None)
    menu = str(yaml.load((project_root() / "mkdocs.yml").read_text(), Loader)["nav"])
    assert [page.name for page in sorted(DOCS.glob("*.md")) if page.name not in menu] == []
