"""The shape of the package, held by its own source: no circles, help that loads nothing heavy, and docstrings."""

from __future__ import annotations

import ast
import json
import re
import subprocess
import sys
from functools import cache
from pathlib import Path

import grimp

import foretext
from foretext.commands import COMMANDS

SAYS_ENOUGH = {"lines", "to_json", "to_dict"}  # methods whose name and type say what one gets


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


def test_the_help_of_no_command_loads_torch():
    calls = [[*words, help] for words in ([], *(one.words for one in COMMANDS)) for help in ("--help", "--help-all")]
    assert loading_torch(calls) == []


def test_a_call_that_loads_torch_is_found():
    assert loading_torch([["--help"], ["models", "--json"], ["--version"]]) == [["models", "--json"]]


def test_neither_printed_settings_nor_a_wrong_flag_load_torch():
    calls = [
        ["pretrain", "corpus", "--out", "run", "--print-settings"],
        ["finetune", "mini", "--data", "a.csv", "--out", "run", "--print-settings"],
        ["finetune", "mini", "--epoch", "3"],
        ["evaluate", "run", "--data", "a.csv", "--precision", "fp8"],
    ]
    assert loading_torch(calls) == []


def loading_torch(calls: list[list[str]]) -> list[list[str]]:
    """The first of these calls of the command line, made in one process, behind which torch is loaded; none if none.

    None may end as a bug does, with 1.
    """
    program = (
        "import contextlib, io, json, sys\n"
        "from foretext.cli import main\n"
        "for call in json.loads(sys.argv[1]):\n"
        "    with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):\n"
        "        code = main(call)\n"
        "    assert code != 1, call\n"
        "    if 'torch' in sys.modules:\n"
        "        sys.exit(print(json.dumps([call])))\n"
        "print('[]')"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, json.dumps(calls)], capture_output=True, text=True, check=True
    )
    found: list[list[str]] = json.loads(done.stdout)
    return found


def undocumented(trees: dict[str, ast.Module]) -> list[str]:
    """The public functions, classes and methods without a docstring, but for those that a protocol documents."""
    parts = [(file, part) for file, tree in trees.items() for part in tree.body if is_public(part)]
    protocols = [(part, members(part)) for _, part in parts if "Protocol" in map(ast.unparse, bases(part))]
    found = []
    for file, part in parts:
        inner = part.body if isinstance(part, ast.ClassDef) else []
        methods = [one for one in inner if is_public(one) and one.name not in SAYS_ENOUGH]
        lacking = [one for one in (part, *methods) if not ast.get_docstring(one)]
        known = documented_by(protocols, part) if lacking else set()
        found += [f"{file}:{one.lineno} {one.name}" for one in lacking if one.name not in known]
    return found


def bases(part: ast.AST) -> list[ast.expr]:
    """What a class inherits from; of a function nothing."""
    return part.bases if isinstance(part, ast.ClassDef) else []


def is_public(part: ast.AST) -> bool:
    """Functions and classes without an underscore; of overloads the last, which does the work."""
    if not isinstance(part, ast.FunctionDef | ast.ClassDef) or part.name.startswith("_"):
        return False
    return "overload" not in map(ast.unparse, part.decorator_list)


def documented_by(protocols: list[tuple[ast.ClassDef, set[str]]], part: ast.AST) -> set[str]:
    """The methods of a class that are documented in a protocol which it implements, having all members of that."""
    own = members(part)
    implemented = [one for one, needed in protocols if one is not part and needed <= own]
    return {
        method.name for one in implemented for method in one.body if is_public(method) and ast.get_docstring(method)
    }


def members(part: ast.AST) -> set[str]:
    """The names of a class's methods and fields, and of what its methods set on `self`."""
    if not isinstance(part, ast.ClassDef):
        return set()
    methods = {one.name for one in part.body if isinstance(one, ast.FunctionDef)}
    fields = {ast.unparse(one.target) for one in part.body if isinstance(one, ast.AnnAssign)}
    attributes = [one for one in ast.walk(part) if isinstance(one, ast.Attribute) and isinstance(one.ctx, ast.Store)]
    return methods | fields | {one.attr for one in attributes if ast.unparse(one.value) == "self"}


def test_what_lacks_a_docstring_is_found_unless_its_protocol_has_it():
    tree = ast.parse(
        'class Shape(Protocol):\n    """A shape."""\n    def area(self):\n        """Its area."""\n'
        'class Square:\n    """A square."""\n    def area(self): ...\n    def side(self): ...\n'
        "    def lines(self): ...\ndef turned(shape): ...\ndef _private(): ..."
    )
    assert undocumented({"a.py": tree}) == ["a.py:8 side", "a.py:10 turned"]


def test_every_public_function_method_and_class_has_a_docstring():
    root = Path(foretext.__file__).parent
    files = {str(file.relative_to(root)): file for file in sorted(root.rglob("*.py"))}
    assert undocumented({name: ast.parse(file.read_text(encoding="utf-8")) for name, file in files.items()}) == []


# Who opens files to write beside `files.py`, and why not by its means, which replace a file whole or not at all.
OWN_WRITERS = {
    "checkpoints/array_chunks.py": "fills a folder that is being made",
    "checkpoints/openai_release.py": "fills a folder that is being made",
    "checkpoints/run_metrics.py": "adds lines to a file, of which a torn last one is left out",
    "checkpoints/tensor_file.py": "fills a folder that is being made, and reads back what it wrote",
    "checkpoints/hub.py": "a temporary folder to send from",
    "cli.py": "nowhere, where nobody reads the output any more",
    "corpus/cleaning.py": "a temporary file without a name",
    "corpus/shards.py": "fills a folder that is being made",
    "files.py": "replaces a file whole or not at all",
    "front/calls.py": "a temporary folder for data from memory",
    "locks.py": "the lock says who holds it from the moment that it is held",
    "sklearn/packed.py": "a temporary folder, in which a model is between its tensors and its bytes",
    "storyworld/files.py": "fills a folder that is being made",
    "streams.py": "nowhere, in the place of a stream that is closed",
    "targets.py": "a pipe or a device is written to as it is",
    "tasks/files/tables.py": "a temporary file without a name",
}
WRITING_MODE = re.compile(r"(?=.*[wax+])[rwaxbtU+]{1,4}")
WRITING_FLAG = re.compile(r"\bO_(WRONLY|RDWR|CREAT|APPEND|TRUNC)\b")
WRITING_METHODS = {"write_text", "write_bytes", "touch", "tofile", "symlink_to", "hardlink_to"}
WRITING_CALLS = re.compile(r"tempfile\.\w+|shutil\.(copy\w*|move)(?<!fileobj)|(np|numpy)\.save\w*|os\.(fdopen|symlink)")


def opens_to_write(call: ast.Call) -> bool:
    """Whether a call opens, makes or copies a file, by its name and by the mode that it is given."""
    name = ast.unparse(call.func)
    given = [*call.args, *(each.value for each in call.keywords if each.arg in ("mode", "flags"))]
    if name == "os.open":
        return any(WRITING_FLAG.search(ast.unparse(value)) for value in given)
    if name == "open" or name.endswith(".open"):
        modes = [value.value for value in given if isinstance(value, ast.Constant) and isinstance(value.value, str)]
        unknown = name == "open" and len(given) > 1 and not isinstance(given[1], ast.Constant)
        return unknown or any(WRITING_MODE.fullmatch(mode) for mode in modes)
    own = isinstance(call.func, ast.Attribute) and call.func.attr in WRITING_METHODS
    return own or WRITING_CALLS.fullmatch(name) is not None


def writing(tree: ast.Module) -> list[int]:
    """The lines of the calls that open a file to write."""
    calls = [node for node in ast.walk(tree) if isinstance(node, ast.Call)]
    return sorted(call.lineno for call in calls if opens_to_write(call))


def test_what_opens_a_file_to_write_is_found():
    lines = {
        "open(path)": False,
        "open(path, 'rb')": False,
        "open(path, 'w')": True,
        "open(path, mode=wanted)": True,
        "path.open('ab')": True,
        "path.open(mode='r+')": True,
        "gzip.open(path, 'xt')": True,
        "Corpus.open(folder, verify=True)": False,
        "os.open(path, os.O_RDONLY)": False,
        "os.open(path, os.O_RDWR | os.O_CREAT, 0o666)": True,
        "path.write_text(text)": True,
        "write_text(path, text)": False,
        "shutil.copyfileobj(one, other)": False,
        "shutil.copytree(one, other)": True,
        "tempfile.TemporaryFile()": True,
        "np.save(path, values)": True,
        "model.save(path)": False,
    }
    assert writing(ast.parse("\n".join(lines))) == [number for number, found in enumerate(lines.values(), 1) if found]


def test_nobody_opens_files_to_write_but_those_who_say_why():
    root = Path(foretext.__file__).parent
    files = {str(file.relative_to(root)): file for file in sorted(root.rglob("*.py"))}
    found = {name: writing(ast.parse(file.read_text(encoding="utf-8"))) for name, file in files.items()}
    assert {name: lines for name, lines in found.items() if lines and name not in OWN_WRITERS} == {}
    assert [name for name in OWN_WRITERS if not found.get(name)] == []
