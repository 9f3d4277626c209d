"""The pages about the code name files and tests that are there."""

from __future__ import annotations

import re
import runpy
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PAGES = ("README.md", "CONTRIBUTING.md", "docs/architecture.md", "docs/paper-map.md", "docs/import.md")
FILES = [
    f"/{file.relative_to(ROOT).as_posix()}"
    for folder in ("foretext", "tests", "benchmarks", "scripts", "models")
    for file in (ROOT / folder).rglob("*.py")
]
TESTS = "".join(file.read_text(encoding="utf-8") for file in ROOT.glob("tests/**/test_*.py"))


@pytest.mark.parametrize("page", PAGES)
def test_every_file_and_test_that_a_page_names_is_there(page: str) -> None:
    text = (ROOT / page).read_text(encoding="utf-8")
    files = set(re.findall(r"[\w/-]+\.py\b", text))
    tests = set(re.findall(r"\btest_\w+\w\b(?!\.py)", text))
    assert files
    assert sorted(name for name in files if not any(file.endswith(f"/{name}") for file in FILES)) == []
    assert sorted(name for name in tests if f"def {name}" not in TESTS) == []


def test_the_page_about_the_rooms_says_who_may_import_whom_as_the_contract_does() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    contract = project["tool"]["importlinter"]["contracts"][0]["layers"]
    page = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
    assert "\n".join(contract).replace("foretext.", "") in page


def test_the_oddities_that_the_page_about_data_lists_are_those_that_are_tested() -> None:
    page = (ROOT / "docs" / "data.md").read_text(encoding="utf-8")
    script = runpy.run_path(str(ROOT / "scripts" / "data_page.py"))
    assert page.count("- A byte order mark says how a text is encoded.\n") == 1
    assert script["written"](page) == page, "python scripts/data_page.py writes it anew"
