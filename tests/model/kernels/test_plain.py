"""Beside each trick stands its plain version, of ten lines at most, which the tests of the trick use."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from foretext.model import kernels

NO_TRICK = {"__init__", "operators"}
FILES = {path.stem: path for path in Path(kernels.__file__).parent.glob("*.py") if path.stem not in NO_TRICK}
MOST_LINES = 10  # of the plain version's body, its docstring aside


@pytest.mark.parametrize("trick", sorted(FILES))
def test_each_trick_has_a_short_plain_version_that_its_tests_use(trick):
    functions = [node for node in ast.parse(FILES[trick].read_text()).body if isinstance(node, ast.FunctionDef)]
    plain = [function for function in functions if function.name.startswith("plain_")]
    tests = (Path(__file__).parent / f"test_{trick}.py").read_text()
    assert plain
    for function in plain:
        assert ast.get_docstring(function), function.name
        assert function.body[-1].end_lineno - function.body[1].lineno < MOST_LINES, function.name
        assert f"{function.name}(" in tests or f"{function.name}," in tests, function.name
