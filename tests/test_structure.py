"""The shape of the package, held by its own imports: no circles, and help that loads nothing heavy."""

from __future__ import annotations

import subprocess
import sys
from functools import cache

import grimp
import pytest

from foretext.cli import COMMANDS


@cache
def imports() -> dict[str, set[str]]:
    """Which files each file of the package imports, those for type checking aside."""
    graph = grimp.build_graph("foretext", exclude_type_checking_imports=True)
    return {module: graph.find_modules_directly_imported_by(module) for module in graph.modules}


def circles(imported: dict[str, set[str]]) -> list[list[str]]:
    """The sets of files of which each reaches every other, by taking away what imports nothing that is left."""
    left = {module: set(others) & imported.keys() for module, others in imported.items()}
    while done := {module for module, others in left.items() if not others - {module}}:
        left = {module: others - done for module, others in left.items() if module not in done}
    reached_from = {other for others in left.values() for other in others}
    return [sorted(module for module in left if module in reached_from)] if left else []


def test_a_circle_is_found_where_there_is_one():
    assert circles({"a": {"b"}, "b": {"c"}, "c": set()}) == []
    assert circles({"a": {"b"}, "b": {"c"}, "c": {"b"}}) == [["b", "c"]]


def test_no_files_import_each_other_in_a_circle():
    assert circles(imports()) == []


@pytest.mark.parametrize("help", ["--help", "--help-all"])
@pytest.mark.parametrize("command", [command.name for command in COMMANDS])
def test_the_help_of_a_command_loads_no_torch(command: str, help: str):
    assert "torch" not in loaded_by([*command.split(), help])


@pytest.mark.parametrize(
    "arguments",
    [
        ["--help"],
        ["--help-all"],
        ["pretrain", "corpus", "--out", "run", "--print-settings"],
        ["finetune", "mini", "--data", "a.csv", "--out", "run", "--print-settings"],
        ["finetune", "mini", "--epoch", "3"],
        ["evaluate", "run", "--data", "a.csv", "--precision", "fp8"],
    ],
    ids=" ".join,
)
def test_neither_printed_settings_nor_a_wrong_flag_load_torch(arguments: list[str]):
    assert "torch" not in loaded_by(arguments)


def loaded_by(arguments: list[str]) -> set[str]:
    """The modules that a call of the command line has loaded when it ends."""
    program = (
        "import contextlib, io, sys\n"
        "from foretext.cli import main\n"
        "with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):\n"
        "    main(sys.argv[1:])\n"
        "print(*sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", program, *arguments], capture_output=True, text=True, check=True)
    return set(done.stdout.split())
