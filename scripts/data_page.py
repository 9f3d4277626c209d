"""Writes the chapter of docs/data.md that lists what is read and how oddities are handled, from the names of the tests.

python scripts/data_page.py

A test's name is a sentence that is true of the program, and what its file is about stands in the file's first line.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parent.parent
PAGE = ROOT / "docs" / "data.md"
BEGIN, END = "<!-- scripts/data_page.py writes from here -->\n", "<!-- to here -->\n"
SPELLED = {
    word.lower().replace("-", ""): word
    for word in ("AG", "BIO", "CSV", "GLUE", "JSON", "MNLI", "NUL", "Parquet", "TSV", "UTF-8", "UTF-16", "Windows")
}
TESTS = (
    "tests/test_byte_streams.py",
    "tests/corpus/test_readers.py",
    "tests/tasks/files/test_tables.py",
    "tests/tasks/files/test_json_rows.py",
    "tests/tasks/files/test_memory.py",
    "tests/tasks/files/test_columns.py",
    "tests/tasks/test_guessing.py",
    "tests/tasks/test_reading.py",
    "tests/tasks/labels/test_cells_and_classes.py",
    "tests/tasks/labels/test_ordered.py",
    "tests/tasks/labels/test_sets.py",
    "tests/tasks/labels/test_spans.py",
    "tests/tasks/test_given.py",
    "tests/tasks/test_published.py",
    "tests/recipes/test_unread.py",
    "tests/recipes/test_blank_text.py",
    "tests/recipes/test_undefined_scores.py",
    "tests/tasks/files/test_writing.py",
    "tests/checkup/test_check.py",
    "tests/checkup/test_corpora.py",
    "tests/corpus/test_cleaning.py",
    "tests/texts/test_damage.py",
    "tests/texts/test_language.py",
)


def chapter() -> str:
    """The chapter: what each file of tests is about, and below it a sentence for each test."""
    return "\n".join(line for name in TESTS for line in _part(ROOT / name))


def written(page: str) -> str:
    """The page with the chapter as it should be now."""
    before, rest = page.split(BEGIN)
    return f"{before}{BEGIN}\n{chapter()}\n{END}{rest.split(END)[1]}"


def _part(file: Path) -> Iterator[str]:
    module = ast.parse(file.read_text(encoding="utf-8"))
    about = (ast.get_docstring(module) or "").split("\n\n")[0].replace("\n", " ").rstrip(".")
    assert about, f"{file} should say in its first line what it is about"
    yield f"**{about}** ([{file.name}](../{file.relative_to(ROOT).as_posix()}))\n"
    for node in module.body:
        if isinstance(node, ast.FunctionDef) and node.name.startswith("test_"):
            yield f"- {_sentence(node.name.removeprefix('test_'))}."
    yield ""


def _sentence(name: str) -> str:
    """The name in words: "a_csv_of_a_table_s_rows" is "A CSV of a table's rows"."""
    words = " ".join(SPELLED.get(word, word) for word in name.split("_")).replace(" s ", "'s ")
    return words[0].upper() + words[1:]


if __name__ == "__main__":
    PAGE.write_text(written(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
