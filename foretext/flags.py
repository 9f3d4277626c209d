"""A settings class as a command line: one flag for each leaf, with its help, choices and default.

The help has a panel for what may stand without a flag, then those of `Settings.SHOWN`; all of it has further panels for
the rest, one for each table of settings.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from inspect import Parameter as Argument
from inspect import Signature
from pathlib import Path
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from cyclopts import Group, Parameter
from pydantic import SecretStr

from foretext.settings import Leaf, Settings, leaves

INPUTS = Group("Inputs", sort_key=(0, 0))
COMMON = Group("Flags of every command", sort_key=(4, 0))
TABLES = {  # tables of settings, in the order of their panels
    "labelled": "Labelled examples",
    "file": "How files are read",
    "finetuning": "Fine-tuning",
    "zero_shot": "Answers without fine-tuning",
    "model": "Size and shape of the model",
    "optimizer": "Optimizer",
    "points": "Choices of the paper's code (foretext recipe says more)",
    "loop": "Device, memory, logging, checkpoints",
}
METAVARS = {int: "INTEGER", float: "NUMBER", str: "TEXT", SecretStr: "TEXT", Path: "PATH"}
DASH = "\ufdd0"  # stands for the "-" at the beginning of a value, which cyclopts would take for a flag
VALUE = re.compile(r"-$|-+\s|-[^-=\s]+\s")  # no flag, though it begins as one


@dataclass(frozen=True)
class Given:
    """What was typed: the leaves that were given a value, and the flags that every command has."""

    leaves: Mapping[str, Any]
    settings: Path | None = None
    preset: str | None = None
    print_settings: bool = False
    json: bool = False


def command_line(
    cls: type[Settings],
    run: Callable[[Given], int],
    *,
    positionals: Sequence[str] = (),
    help: str = "",
    whole: bool = False,
) -> Callable[..., int]:
    """A function for cyclopts whose parameters are the leaves of `cls` and the common flags; it calls `run`.

    A leaf that was not typed is absent from `Given.leaves`, so that a file or the environment may give it. `whole` says
    that the help shall show every flag.
    """
    known = leaves(cls)
    unseen = () if whole else hidden(cls, positionals)
    common = _common(cls.PRESETS)
    clash = known.keys() & common.keys()
    assert not clash, f"{cls.__name__} has settings named as the flags of every command: {clash}"

    def call(*values: Any, **flags: Any) -> int:
        typed = {**dict(zip(positionals, values, strict=False)), **flags}
        given = {name: unshielded(value) for name, value in typed.items() if value is not None}
        rest = {name: given.pop(name) for name in common if name in given}
        rest.pop("debug", None)  # `main` looks for it before anything is parsed
        return run(Given(given, **rest))

    parameters = [_argument(known[name], INPUTS, positional=True) for name in positionals]
    parameters += [
        _argument(leaf, _panel(leaf, cls.SHOWN), show=leaf.name not in unseen)
        for leaf in _in_order(known, cls.SHOWN)
        if leaf.name not in positionals
    ]
    parameters += [
        Argument(name, Argument.KEYWORD_ONLY, default=None, annotation=kind) for name, kind in common.items()
    ]
    call.__signature__ = Signature(parameters, return_annotation=int)  # type: ignore[attr-defined]
    call.__doc__ = help
    return call


def hidden(cls: type[Settings], positionals: Sequence[str] = ()) -> tuple[str, ...]:
    """The leaves that the help of a command leaves to `--help-all`."""
    shown = {name for names in cls.SHOWN.values() for name in names} | {*positionals}
    return tuple(name for name in leaves(cls) if name not in shown) if cls.SHOWN else ()


def shielded(arguments: Sequence[str]) -> list[str]:
    """The arguments for cyclopts, a "-" replaced where it begins a value.

    Values are a lone "-" (standard input or output), what has a blank behind its first word, as "- he said", and
    whatever stands behind "--".
    """
    end = arguments.index("--") if "--" in arguments else len(arguments)
    flags = [_shield(argument) if VALUE.match(argument) else argument for argument in arguments[:end]]
    return flags + [_shield(argument) for argument in arguments[end + 1 :]]


def _shield(argument: str) -> str:
    return DASH + argument[1:] if argument.startswith("-") else argument


def unshielded(value: Any) -> Any:
    """A value, or a list of them, as it was typed."""
    if isinstance(value, list):
        return [unshielded(item) for item in value]
    return value.replace(DASH, "-") if isinstance(value, str) else value


def _common(presets: Mapping[str, Any]) -> dict[str, Any]:
    """The flags that every command has; --preset only where there are presets."""
    flags: dict[str, tuple[Any, str]] = {
        "settings": (Path, "TOML file of settings, as --print-settings writes it."),
        "preset": (Literal[tuple(presets)], "Named settings to start from."),
        "print_settings": (bool, "Print the settings and where each comes from, and do nothing else."),
        "json": (bool, "Print the result as one JSON object."),
        "debug": (bool, "Show where in the program an error arises."),
    }
    if not presets:
        del flags["preset"]
    return {
        name: Annotated[kind | None, Parameter(help=text, group=group, negative="", show_default=False)]
        for name, (kind, text) in flags.items()
        for group in (INPUTS if name == "preset" else COMMON,)
    }


def _argument(leaf: Leaf, panel: Group, *, positional: bool = False, show: bool = True) -> Argument:
    looks = Parameter(
        name=leaf.flag,
        help=f"{leaf.help} [required]" if leaf.required else leaf.help,
        show=show,
        show_default=_default(leaf),
        metavar=_metavar(leaf),
        negative=None if leaf.kinds == (bool,) else "",
        group=panel,
    )
    kind = Argument.POSITIONAL_OR_KEYWORD if positional else Argument.KEYWORD_ONLY
    return Argument(leaf.name, kind, default=None, annotation=Annotated[_typed(leaf) | None, looks])


def _in_order(known: Mapping[str, Leaf], shown: Mapping[str, tuple[str, ...]]) -> list[Leaf]:
    """All leaves, those that are shown to everybody first."""
    first = [name for names in shown.values() for name in names]
    return [known[name] for name in dict.fromkeys((*first, *known))]


def _panel(leaf: Leaf, shown: Mapping[str, tuple[str, ...]]) -> Group:
    """Where the help shows it: a group of those shown to everybody, or a panel for each table of settings."""
    for place, (title, names) in enumerate(shown.items()):
        if leaf.name in names:
            return _titled(title, 1, place)
    if len(leaf.path) == 1:
        return _titled("More flags" if shown else "Flags", 2, 0)
    table = leaf.path[-2]
    if table in TABLES:
        return _titled(TABLES[table], 3, [*TABLES].index(table))
    return _titled(table.replace("_", " ").capitalize(), 3, len(TABLES))


@cache
def _titled(title: str, level: int, place: int) -> Group:
    return Group(title, sort_key=(level, place))


def _typed(leaf: Leaf) -> Any:
    """What cyclopts shall read: truth values, choices and lists; else text, which `Leaf.check` turns into its type."""
    if leaf.is_list:
        return list[str]
    if leaf.kinds == (bool,) or get_origin(leaf.kinds[0]) is Literal:
        return leaf.kinds[0]
    return str


def _metavar(leaf: Leaf) -> str | None:
    """What stands for the value in the help, such as INTEGER in `--layers INTEGER`."""
    kind = leaf.item if leaf.is_list else leaf.kinds[0]
    if kind is str and leaf.may_be_path:
        return "NAME|PATH"
    if get_origin(kind) is not Union:
        return METAVARS.get(kind)
    number, word = map(get_args, get_args(kind))  # Annotated[int, …] | Literal["auto"]
    return f"{METAVARS[number[0]]}|{word[0]}"


def _default(leaf: Leaf) -> str | bool:
    if leaf.required or leaf.default is None or leaf.default is False or leaf.default in ((), ""):
        return False
    return " ".join(map(str, leaf.default)) if isinstance(leaf.default, tuple) else str(leaf.default)
