"""Runs the Python of docs/python.md as it stands, in order, and puts what it prints into the page.

python scripts/python_page.py

A block of `text` right behind a block of `python` is what that block printed; other blocks stay as they are. Paths in
the page are those of a new folder in which the stories were made that the page names.
"""

from __future__ import annotations

import contextlib
import io
import os
import re
import tempfile
from pathlib import Path

from foretext.cli import main as foretext

PAGE = Path(__file__).parent.parent / "docs" / "python.md"
STORIES = "storyworld --stories 400 --train 120 --test 40 --out stories"
BLOCKS = re.compile(r"```python\n(.*?)```\n(?:\n```text\n(.*?)```\n)?", re.DOTALL)


def run(page: str) -> str:
    """The page with every output as it came out now."""
    names: dict[str, object] = {"__name__": "page"}
    done, place = "", 0
    for block in BLOCKS.finditer(page):
        printed = io.StringIO()
        with contextlib.redirect_stdout(printed):
            exec(compile(block[1], str(PAGE), "exec"), names)  # our own page
        done += page[place : block.start(2)] + printed.getvalue() if block[2] else page[place : block.end()]
        place = block.end(2) if block[2] else block.end()
    return done + page[place:]


if __name__ == "__main__":
    page = PAGE.read_text(encoding="utf-8")
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        assert foretext(STORIES.split()) == 0
        finished = run(page)
    PAGE.write_text(finished, encoding="utf-8")
