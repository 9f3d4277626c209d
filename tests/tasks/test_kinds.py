"""All that a kind of task decides stands in one value: the program's own syntax shows that nobody else asks."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path
from typing import get_args

import pytest

import foretext
from foretext.batch import Target
from foretext.errors import UnknownName
from foretext.model.heads import TARGETS
from foretext.tasks.kinds import KINDS, find_kind

PACKAGE = Path(foretext.__file__).parent
MAY_ASK = {PACKAGE / "tasks" / "kinds.py", PACKAGE / "model" / "heads.py"}
TYPES_OF_LABELS = PACKAGE / "tasks" / "labels"  # each form knows the type of its own labels


def questions(tree: ast.AST, *, types: bool = True) -> Iterator[str]:
    """The places of a program that ask what kind a task is of: comparisons, matches, look-ups, types of labels."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Compare):
            sides = [node.left, *node.comparators]  # whether a kind was given at all is no question what it is
            if ast.unparse(node.comparators[-1]) != "None" and any(
                _is_of_a_kind(side) or _names_a_kind(side) for side in sides
            ):
                yield f"line {node.lineno}: {ast.unparse(node)}"
        if isinstance(node, ast.Attribute) and node.attr in {"graded", "label_type"}:
            yield f"line {node.lineno}: {ast.unparse(node)}"
        if isinstance(node, ast.Match) and (_is_of_a_kind(node.subject) or _names_a_kind(node)):
            yield f"line {node.lineno}: match {ast.unparse(node.subject)}"
        if isinstance(node, ast.Subscript) and _is_of_a_kind(node.slice) and ast.unparse(node.value) != "KINDS":
            yield f"line {node.lineno}: {ast.unparse(node)}"
        if isinstance(node, ast.Call):
            called = ast.unparse(node.func)
            if called.endswith(".get") and any(map(_is_of_a_kind, node.args)):
                yield f"line {node.lineno}: {ast.unparse(node)}"
            if types and called == "isinstance" and "label" in ast.unparse(node.args[0]):
                yield f"line {node.lineno}: {ast.unparse(node)}"


def _is_of_a_kind(node: ast.AST) -> bool:
    of_numpy = isinstance(node, ast.Attribute) and ast.unparse(node.value).endswith(".dtype")
    return isinstance(node, ast.Attribute) and node.attr == "kind" and not of_numpy


def _names_a_kind(node: ast.AST) -> bool:
    return any(isinstance(part, ast.Constant) and part.value in KINDS for part in ast.walk(node))


@pytest.mark.parametrize(
    "program",
    [
        "if schema.kind == other: pass",
        "x = 1 if name == 'choice' else 2",
        "x = kind in ('entailment', 'similarity')",
        "match task.kind:\n    case 'choice': pass",
        "x = COMBINE[schema.kind]",
        "x = COMBINE.get(schema.kind, 'one')",
        "if isinstance(example.label, float): pass",
        "x = schema.graded and not y",
    ],
)
def test_a_question_is_found_in_whatever_form_it_is_put(program: str) -> None:
    assert list(questions(ast.parse(program)))


def test_nobody_but_the_table_of_kinds_and_the_heads_asks_what_a_kind_is() -> None:
    asked = [
        f"{path.relative_to(PACKAGE)}: {question}"
        for path in sorted(PACKAGE.rglob("*.py"))
        if path not in MAY_ASK and PACKAGE / "storyworld" not in path.parents
        for question in questions(ast.parse(path.read_text("utf-8")), types=TYPES_OF_LABELS not in path.parents)
    ]
    assert asked == []


def test_every_target_that_a_label_may_have_has_a_head() -> None:
    assert set(TARGETS) == set(get_args(Target))


def test_a_kind_that_is_not_known_is_refused_with_the_nearest() -> None:
    with pytest.raises(UnknownName, match="no kind of task called 'clasification'; did you mean 'classification'"):
        find_kind("clasification")
