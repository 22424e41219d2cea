"""What MkDocs is told beside mkdocs.yml: pages that lie elsewhere, links that leave the pages, drawn diagrams."""

import os
import re
import sys
from pathlib import Path
from typing import Any

from mkdocs.structure.files import File

sys.path.insert(0, str(Path(__file__).parent))
from diagrams import BLOCK, DRAWN, digest, name

DOCS = Path(__file__).parent
ROOT = DOCS.parent
#: Pages at the root of the project that are pages of the site as well.
BESIDE = ("CONTRIBUTING.md", "CHANGELOG.md", "SECURITY.md")
_LINK = re.compile(r"(?P<text>!?\[[^\]\n]*\])\((?P<path>[^()#:\s]+)(?P<anchor>#[^()\s]*)?\)")


def on_files(files: Any, config: Any) -> Any:
    """The pages beside, and a page of all decisions."""
    for page in BESIDE:
        files.append(File.generated(config, page, content=(ROOT / page).read_text(encoding="utf-8")))
    titles = {file: file.read_text(encoding="utf-8").partition("\n")[0] for file in (DOCS / "decisions").glob("*.md")}
    lines = [f"- [{title.removeprefix('# ')}]({file.name})" for file, title in sorted(titles.items())]
    text = "# Decisions\n\nWhy things are as they are, what each touches, how to roll it back.\n\n"
    files.append(File.generated(config, "decisions/index.md", content=text + "\n".join(lines) + "\n"))
    return files


def on_page_markdown(markdown: str, page: Any, **_: Any) -> str:
    """Links made the site's, diagrams made pictures."""
    source = page.file.src_uri
    here = (DOCS / source).parent
    folder = ROOT if source in BESIDE else here

    def link(found: re.Match[str]) -> str:
        target = (folder / found["path"]).resolve()
        if target == DOCS / "decisions":
            target /= "index.md"
        if target.name in BESIDE and target.parent == ROOT:
            target = DOCS / target.name
        if target == ROOT / "README.md":
            target = DOCS / "index.md"
        if target.is_relative_to(DOCS):
            return f"{found['text']}({os.path.relpath(target, here)}{found['anchor'] or ''})"
        return found["text"][1:-1]  # code: whoever has it, has it beside these pages

    number = 0

    def picture(found: re.Match[str]) -> str:
        nonlocal number
        number += 1
        file = DRAWN / name(source, number)
        if not file.exists() or digest(found[1]) not in file.read_text(encoding="utf-8"):
            return found[0].replace("```mermaid", "```text", 1)  # as it is written, until `make diagrams`
        return f"[![Diagram {number}]({os.path.relpath(file, here)})]({os.path.relpath(file, here)})\n"

    return BLOCK.sub(picture, _LINK.sub(link, markdown))
