"""Runs the Python of docs/python.md and docs/sklearn.md as it stands, in order, and puts what it prints into the pages.

python scripts/python_page.py [PAGE …]      such as docs/sklearn.md; both unless one is named

A block of `text` right behind a block of `python` is what that block printed; other blocks stay as they are. Paths in
a page are those of a new folder that holds `examples/`, and the stories that docs/python.md names.
"""

from __future__ import annotations

import contextlib
import io
import os
import re
import shutil
import sys
import tempfile
from pathlib import Path

from foretext.cli import main as foretext

ROOT = Path(__file__).resolve().parent.parent
PAGES = (ROOT / "docs" / "python.md", ROOT / "docs" / "sklearn.md")
STORIES = "storyworld --stories 400 --train 120 --test 40 --out stories"
BLOCKS = re.compile(r"```python\n(.*?)```\n(?:\n```text\n(.*?)```\n)?", re.DOTALL)


def run(page: str) -> str:
    """The page with every output as it came out now."""
    names: dict[str, object] = {"__name__": "page"}
    done, place = "", 0
    for block in BLOCKS.finditer(page):
        printed = io.StringIO()
        with contextlib.redirect_stdout(printed):
            exec(compile(block[1], "the page", "exec"), names)  # our own page
        done += page[place : block.start(2)] + printed.getvalue() if block[2] is not None else page[place : block.end()]
        place = block.end(2) if block[2] is not None else block.end()
    return done + page[place:]


if __name__ == "__main__":
    for path in [Path(name).resolve() for name in sys.argv[1:]] or PAGES:
        page = path.read_text(encoding="utf-8")
        with tempfile.TemporaryDirectory() as folder:
            os.chdir(folder)
            shutil.copytree(ROOT / "examples", "examples")
            if STORIES in page:
                assert foretext(STORIES.split()) == 0
            finished = run(page)
            os.chdir(ROOT)
        path.write_text(finished, encoding="utf-8")
