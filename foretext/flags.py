"""A settings class as a command line: one flag for each leaf, with its help, choices and default."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from inspect import Parameter as Argument
from inspect import Signature
from pathlib import Path
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from cyclopts import Group, Parameter

from foretext.settings import Leaf, Settings, leaves

INPUTS = Group("Inputs", sort_key=0)
FLAGS = Group("Flags", sort_key=1)
COMMON = Group("Flags of every command", sort_key=3)
METAVARS = {int: "INTEGER", float: "NUMBER", str: "TEXT", Path: "PATH"}
DASH = "\ufdd0"  # stands for a lone "-" (standard input or output), which cyclopts would take for a flag


@dataclass(frozen=True)
class Given:
    """What was typed: the leaves that were given a value, and the flags that every command has."""

    leaves: Mapping[str, Any]
    settings: Path | None = None
    preset: str | None = None
    print_settings: bool = False
    json: bool = False


def command_line(
    cls: type[Settings], run: Callable[[Given], int], *, positionals: Iterable[str] = (), help: str = ""
) -> Callable[..., int]:
    """A function for cyclopts whose parameters are the leaves of `cls` and the common flags; it calls `run`.

    A leaf that was not typed is absent from `Given.leaves`, so that a file or the environment may give it.
    """
    known = leaves(cls)
    common = _common(getattr(cls, "PRESETS", {}))
    clash = known.keys() & common.keys()
    assert not clash, f"{cls.__name__} has settings named as the flags of every command: {clash}"

    def call(*values: Any, **flags: Any) -> int:
        typed = {**dict(zip(positionals, values, strict=False)), **flags}
        given = {name: _unshielded(value) for name, value in typed.items() if value is not None}
        rest = {name: given.pop(name) for name in common if name in given}
        rest.pop("debug", None)  # `main` looks for it before anything is parsed
        return run(Given(given, **rest))

    parameters = [_argument(known[name], positional=True) for name in positionals]
    parameters += [_argument(leaf) for name, leaf in known.items() if name not in positionals]
    parameters += [
        Argument(name, Argument.KEYWORD_ONLY, default=None, annotation=kind) for name, kind in common.items()
    ]
    call.__signature__ = Signature(parameters, return_annotation=int)  # type: ignore[attr-defined]
    call.__doc__ = help
    return call


def shielded(arguments: Iterable[str]) -> list[str]:
    """The arguments for cyclopts, each lone "-" replaced."""
    return [DASH if argument == "-" else argument for argument in arguments]


def _unshielded(value: Any) -> Any:
    if isinstance(value, list):
        return [_unshielded(item) for item in value]
    return "-" if value == DASH else value


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
        name: Annotated[kind | None, Parameter(help=text, group=COMMON, negative="", show_default=False)]
        for name, (kind, text) in flags.items()
    }


def _argument(leaf: Leaf, *, positional: bool = False) -> Argument:
    show = Parameter(
        name=leaf.flag,
        help=f"{leaf.help} [required]" if leaf.required else leaf.help,
        show_default=_default(leaf),
        metavar=_metavar(leaf),
        negative=None if leaf.kinds == (bool,) else "",
        group=INPUTS if positional else _panel(leaf),
    )
    kind = Argument.POSITIONAL_OR_KEYWORD if positional else Argument.KEYWORD_ONLY
    return Argument(leaf.name, kind, default=None, annotation=Annotated[_typed(leaf) | None, show])


def _panel(leaf: Leaf) -> Group:
    """Where the help shows it: a panel for each table of settings."""
    return _table(leaf.path[-2]) if len(leaf.path) > 1 else FLAGS


@cache
def _table(name: str) -> Group:
    return Group(name.replace("_", " ").capitalize(), sort_key=2)


def _typed(leaf: Leaf) -> Any:
    """What cyclopts shall read: truth values, choices and lists; else text, which `Leaf.check` turns into its type."""
    if leaf.is_list:
        return list[str]
    if leaf.kinds == (bool,) or get_origin(leaf.kinds[0]) is Literal:
        return leaf.kinds[0]
    return str


def _metavar(leaf: Leaf) -> str | None:
    """What stands for the value in the help, such as INTEGER in `--layers INTEGER`."""
    kind = get_args(leaf.kinds[0])[0] if leaf.is_list else leaf.kinds[0]
    if get_origin(kind) is not Union:
        return METAVARS.get(kind)
    number, word = map(get_args, get_args(kind))  # Annotated[int, …] | Literal["auto"]
    return f"{METAVARS[number[0]]}|{word[0]}"


def _default(leaf: Leaf) -> str | bool:
    if leaf.required or leaf.default is None or leaf.default is False or leaf.default in ((), ""):
        return False
    return " ".join(map(str, leaf.default)) if isinstance(leaf.default, tuple) else str(leaf.default)
