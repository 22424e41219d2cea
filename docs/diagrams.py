"""Draws the diagrams of the pages (```mermaid) as files for the site, so that a reader's browser downloads nothing.

`make diagrams`, after a diagram was changed; it needs npm, and Chromium. The site shows
the text of one that is not drawn as it is written. Three megabytes of Mermaid on every page would be the other way.
"""

import html
import re
import shutil
import subprocess
import tarfile
import tempfile
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path

DOCS = Path(__file__).parent
DRAWN = DOCS / "images" / "diagrams"
MERMAID = "mermaid@12.3.0"
BLOCK = re.compile(r"^```mermaid\n(.*?)^```\n", re.MULTILINE | re.DOTALL)
_DRAW = """async source => {
    mermaid.initialize({startOnLoad: false, theme: "neutral", fontFamily: "sans-serif", htmlLabels: false,
                        flowchart: {htmlLabels: false, wrappingWidth: 420}})
    return (await mermaid.render("diagram", source)).svg
}"""


def digest(source: str) -> str:
    """What a drawn file says of the text it was drawn from."""
    return sha256(source.encode()).hexdigest()[:16]


def name(page: str, number: int) -> str:
    """File of the page's diagram, counted from 1."""
    return f"{Path(page).stem}-{number}.svg"


def diagrams() -> Iterator[tuple[str, str]]:
    """File and text of every diagram."""
    for page in sorted(DOCS.rglob("*.md")):
        for number, source in enumerate(BLOCK.findall(page.read_text(encoding="utf-8")), 1):
            yield name(page.name, number), source


def draw() -> None:
    """All of them anew."""
    from playwright.sync_api import sync_playwright

    shutil.rmtree(DRAWN, ignore_errors=True)
    DRAWN.mkdir(parents=True)
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        subprocess.run(["npm", "pack", "--silent", MERMAID], cwd=folder, check=True, stdout=subprocess.DEVNULL)
        (archive,) = Path(folder).glob("*.tgz")
        with tarfile.open(archive) as packed:
            packed.extract("package/dist/mermaid.min.js", folder, filter="data")
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
        page = browser.new_page()
        page.add_script_tag(path=Path(folder, "package/dist/mermaid.min.js"))
        for file, source in diagrams():
            svg = page.evaluate(_DRAW, source)
            width = re.search(r'viewBox="\S+ \S+ (\S+) (\S+)"', svg)
            assert width
            # Read as a picture of its own: it needs a size and, on a dark page, a ground.
            svg = svg.replace('width="100%"', f'width="{width[1]}" height="{width[2]}"', 1)
            (DRAWN / file).write_text(f"{svg}\n<!-- {html.escape(digest(source))} -->\n", encoding="utf-8")
        browser.close()


if __name__ == "__main__":
    draw()
