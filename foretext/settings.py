"""Settings as frozen typed values: where each value comes from, and how they become TOML and JSON.

A value is taken from the last of these that gives it: default, preset, what is implied, TOML file, environment, flag.
Implied is what follows from others that are given: what a recipe stands for, what a model recommends. A field that is
itself a `Settings` is a table in TOML; flags and environment variables are flat, so the name of a leaf is unique over
the whole tree:

    class PretrainSettings(Settings):        --layers 4         FORETEXT_LAYERS=4         [model]
        model: ModelSettings                                                              layers = 4

Wherever it comes from, a path may be text or a `Path` and begin with `~`; a field that may hold one says so by its
type, `Path` or `NameOrPath` (paths.py).
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import reduce
from pathlib import Path, PurePath
from typing import Annotated, Any, ClassVar, Generic, Self, TypeVar, get_args, get_origin

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError, model_validator
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from foretext.errors import SettingsError, UnknownName
from foretext.paths import as_text, at_home, holds_paths, is_url
from foretext.toml import read_toml, write_toml

PREFIX = "FORETEXT_"
Seed = Annotated[int, Field(ge=0, lt=2**63)]  # of 64 bits with a sign, as TOML's numbers and torch's seeds are
# These mean something else.
RESERVED = frozenset(
    {
        *("FORETEXT_DATA", "FORETEXT_DEBUG", "FORETEXT_KEEP_MEMORY", "FORETEXT_LAUNCHER", "FORETEXT_PROGRESS"),
        "FORETEXT_RESTARTS",
    }
)


Given = tuple[str, Any, str]  # name of a leaf, value, and where it comes from
Implied = Callable[[Mapping[str, Any]], tuple[Mapping[str, Any], str]]  # what is given to what follows, and from where
BY_HAND = ("--", "this call", "the changes to")  # how sources begin that are neither defaults, presets nor files


class Settings(BaseModel):
    """The base of every settings value: frozen; what does not fit is refused with one line, a `SettingsError`.

    `PRESETS` are named values to start from; `implied` says what follows from what is given. `SHOWN` is what the help
    of a command shows to everybody: title of a group to flags, by the flat names of their leaves. Empty, it shows all;
    else `--help-all` does.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True, allow_inf_nan=False)
    PRESETS: ClassVar[Mapping[str, Mapping[str, Any]]] = {}
    SHOWN: ClassVar[Mapping[str, tuple[str, ...]]] = {}
    # A setting that is not 0 or empty, and those that it takes the place of, so that nobody may give them by hand.
    INSTEAD: ClassVar[Mapping[str, tuple[str, ...]]] = {}

    @classmethod
    def preset(cls, name: str, /, **changes: Any) -> Self:
        """The settings of that preset, with changes: leaves by their flat names, or tables of what changes in them.

            PretrainSettings.preset("mini", corpus="prepared", out="run", layers=2, loop={"device": "cpu"})

        Of a table given as a settings value, that counts which was set when it was made.

        Raises:
            UnknownName: there is no such preset, or no such setting.
            SettingsError: a value is missing, of another type, out of range, or contradicts another.
        """
        if name not in cls.PRESETS:
            raise UnknownName("preset", name, cls.PRESETS)
        known, place = leaves(cls), f"the changes to preset {name}"
        tree = {key: _as_tree(value, known.get(key)) for key, value in changes.items()}
        preset = _flat(cls.PRESETS[name], known, f"preset {name}")
        return _resolved(cls, known, _flat(tree, known, place), preset=preset).value

    @classmethod
    def named(cls, values: Mapping[str, Any], *, preset: str | None = None, implied: Implied | None = None) -> Self:
        """The settings with these values: leaves by their flat names, or tables; with `preset`, that with changes.

        `implied` says what follows from them, if it is not what the class says.

        Raises:
            UnknownName: there is no such setting or preset.
            SettingsError: a value is missing, of another type, out of range, or contradicts another.
        """
        known = leaves(cls)
        unknown = next((name for name in values if name not in known and name not in cls.model_fields), None)
        if unknown is not None:
            raise UnknownName("setting", unknown, known)
        if preset is not None:
            return cls.preset(preset, **values)
        tree = {name: _as_tree(value, known.get(name)) for name, value in values.items()}
        return _resolved(cls, known, _flat(tree, known, "this call"), implied=implied).value

    @classmethod
    def implied(cls, given: Mapping[str, Any]) -> tuple[Mapping[str, Any], str]:
        """The values that follow from those given, by flat names, and where they come from; a preset's they replace.

        `given` are leaves by their names as they were given, unchecked.
        """
        return {}, ""

    @model_validator(mode="wrap")
    @classmethod
    def _refuse_plainly(cls, values: Any, handler: Callable[[Any], Any]) -> Any:
        try:
            return handler(_as_given(values, cls.model_fields) if isinstance(values, Mapping) else values)
        except ValidationError as error:
            raise _plain(error, known=cls.model_fields) from None


S = TypeVar("S", bound=Settings)


@dataclass(frozen=True)
class Leaf:
    """One value in a tree of settings: where it stands, its type and limits, its default."""

    path: tuple[str, ...]
    field: FieldInfo
    default: Any

    @property
    def name(self) -> str:
        """The name of its field."""
        return self.path[-1]

    @property
    def flag(self) -> str:
        """The flag of the command line that sets it."""
        return flag(self.name)

    @property
    def variable(self) -> str | None:
        """The environment variable it may come from; None where that name means something else."""
        variable = PREFIX + self.name.upper()
        return None if variable in RESERVED else variable

    @property
    def help(self) -> str:
        """What the field's docstring says, on one line."""
        return " ".join((self.field.description or "").split())

    @property
    def required(self) -> bool:
        """Whether it must be given, having no default."""
        return self.default is PydanticUndefined

    @property
    def kinds(self) -> tuple[Any, ...]:
        """The types it may have, None left out: `Path | None` gives `(Path,)`."""
        union = get_args(self.field.annotation)
        kinds = union if type(None) in union else (self.field.annotation,)
        return tuple(_bare(kind) for kind in kinds if kind is not type(None))

    @property
    def may_be_path(self) -> bool:
        """Whether a value, or one of a list, may be a path."""
        return _may_be_path(self.field)

    @property
    def is_list(self) -> bool:
        """Whether it holds any number of values: `tuple[str, ...]`."""
        return any(get_origin(kind) is tuple for kind in self.kinds)

    @property
    def item(self) -> Any:
        """The type of one value of a list."""
        return _bare(get_args(self.kinds[0])[0])

    def check(self, value: Any, source: str) -> Any:
        """`value` as the leaf's type.

        Raises:
            SettingsError: it is of another type or out of range; the message says what was given, where, and what fits.
        """
        if isinstance(value, bool) and bool not in self.kinds:
            raise SettingsError(f"{self.name} is {str(value).lower()} ({source}); it takes no truth value")
        try:
            kind: Any = Annotated[self.field.annotation, self.field]
            return TypeAdapter(kind, config=Settings.model_config).validate_python(
                _given(value, self.field, self.name, source)
            )
        except ValidationError as error:
            raise _plain(error, name=self.name, source=source) from None


@dataclass(frozen=True)
class Resolved(Generic[S]):
    """A settings value and, for each leaf (`model.layers`), the place its value comes from."""

    value: S
    sources: Mapping[str, str]

    def to_toml(self) -> str:
        """The settings as TOML, each value with its source as a comment."""
        return to_toml(self.value, self.sources)


def flag(name: str) -> str:
    """How the leaf of that name is typed: `--learning-rate`."""
    return "--" + name.replace("_", "-")


def refuse_without(settings: Settings, names: Iterable[str], other: str, needed: str) -> None:
    """Nothing, unless a setting among `names` is not its default while the setting `other` is not the `needed` one.

    Raises:
        SettingsError: it is, so that it would mean nothing.
    """
    if getattr(settings, other) == needed:
        return
    for name in names:
        if getattr(settings, name) != type(settings).model_fields[name].default:
            raise SettingsError(f"{flag(name)} means something with {flag(other)} {needed} alone; give both or neither")


def leaf_values(settings: Settings) -> dict[str, Any]:
    """The value of each leaf by its flat name."""
    found = {}
    for name, leaf in leaves(type(settings)).items():
        found[name] = getattr(_table_of(settings, leaf), name)
    return found


def was_given(settings: Settings, name: str) -> bool:
    """Whether a leaf was given when the settings were made, be it in one of their tables."""
    return name in _table_of(settings, leaves(type(settings))[name]).model_fields_set


def _table_of(settings: Settings, leaf: Leaf) -> Settings:
    """The settings or the table in them that hold a leaf."""
    table: Settings = reduce(getattr, leaf.path[:-1], settings)
    return table


def without_needed(
    values: Mapping[str, Any], given: Mapping[str, Any], needs: Mapping[str, tuple[str, Any]]
) -> dict[str, Any]:
    """`values` but for those that mean nothing beside what is given: that of `fall` needs `("schedule", "flat")`."""

    def holds(name: str) -> bool:
        other, needed = needs.get(name, ("", ""))
        return bool(given.get(other, needed) == needed)

    return {name: value for name, value in values.items() if holds(name)}


def leaves(cls: type[Settings]) -> dict[str, Leaf]:
    """Every leaf of a settings class by its flat name, in the order of the fields."""
    found: dict[str, Leaf] = {}
    for leaf in _walk(cls, (), None):
        assert leaf.name not in found, f"{cls.__name__} has two settings called {leaf.name}"
        found[leaf.name] = leaf
    return found


def resolve(
    cls: type[S],
    *,
    preset: Mapping[str, Any] | None = None,
    toml: Path | None = None,
    environment: Mapping[str, str] | None = None,
    flags: Mapping[str, Any] | None = None,
    preset_name: str = "",
) -> Resolved[S]:
    """Settings from defaults < preset < what is implied < TOML file < environment < flags, and each value's source.

    `flags` are keyed by leaf name; `preset` and the file may name a leaf alone or within its table; `environment` is
    all of `os.environ`. A list in the environment is separated by commas.

    Raises:
        SettingsError: a value is missing, of another type, out of range, or contradicts another.
        UnknownName: a key is no setting; the message offers the nearest one and names the file.
    """
    known = leaves(cls)
    given = (
        *_flat(read_toml(Path(at_home(str(toml)))) if toml else {}, known, str(toml)),
        *_from_environment(environment or {}, known, overruled=flags or {}),
        *((name, value, leaf.flag) for name, value, leaf in _flags(flags or {}, known)),
    )
    return _resolved(cls, known, given, preset=_flat(preset or {}, known, f"preset {preset_name}".strip()))


def _resolved(
    cls: type[S],
    known: Mapping[str, Leaf],
    given: Iterable[Given],
    *,
    preset: Iterable[Given] = (),
    implied: Implied | None = None,
) -> Resolved[S]:
    """The settings of defaults, a preset, what is implied and what is given; of one name the last counts."""
    values = {name: leaf.default for name, leaf in known.items() if not leaf.required}
    sources = dict.fromkeys(values, "default")
    given = tuple(given)
    follows, place = (implied or cls.implied)({name: value for name, value, _ in given})
    for name, value, source in (*preset, *_flat(follows, known, place), *given):
        values[name] = known[name].check(value, source)
        sources[name] = source
    _refuse_contradictions(cls, values, sources)
    for name in known.keys() - values.keys():
        raise SettingsError(f"{name} is missing: {known[name].help or 'it has no default'}")
    value = cls(**_nest(values, known))
    for name in (name for name, source in sources.items() if source == "default"):
        _table_of(value, known[name]).model_fields_set.discard(name)  # so that `was_given` tells
    return Resolved(value, {".".join(known[name].path): sources[name] for name in known})


def _refuse_contradictions(cls: type[Settings], values: Mapping[str, Any], sources: Mapping[str, str]) -> None:
    """Nothing, unless a setting was given by hand whose place another one takes."""
    for name, replaced in cls.INSTEAD.items():
        for other in replaced if values.get(name) else ():
            by_hand = sources[other].startswith((*BY_HAND, PREFIX))
            if by_hand and values[other]:
                raise SettingsError(f"{flag(name)} takes the place of {flag(other)}: give one of them")


def to_json(settings: Settings) -> dict[str, Any]:
    """The settings as a tree of what JSON knows: paths become strings, tuples lists."""
    return settings.model_dump(mode="json")


def to_toml(settings: Settings, sources: Mapping[str, str] | None = None) -> str:
    """The settings as TOML that `resolve` reads back; what is None is no value there.

    `sources`, if given, says for a leaf (`model.layers`) what to write behind it as a comment; what is None has a line
    of comment then.
    """
    return write_toml(to_json(settings), sources or {})


def _walk(cls: type[Settings], path: tuple[str, ...], instance: Settings | None) -> Iterator[Leaf]:
    """The leaves below `path`; where the table has a default value of its own, what that was given is theirs."""
    for name, field in cls.model_fields.items():
        given = instance is not None and name in instance.model_fields_set
        default = getattr(instance, name) if given else field.get_default(call_default_factory=True)
        if isinstance(field.annotation, type) and issubclass(field.annotation, Settings):
            yield from _walk(field.annotation, (*path, name), default if isinstance(default, Settings) else None)
        else:
            yield Leaf((*path, name), field, default)


def _flat(
    tree: Mapping[str, Any], known: Mapping[str, Leaf], source: str, table: tuple[str, ...] = ()
) -> Iterator[Given]:
    """Name, value and source of each leaf in a tree; a leaf stands in its table or above all tables.

    A leaf may have the name of a table, as `optimizer` does: then it is what is not a table.
    """
    paths = [leaf.path for leaf in known.values()]
    for key, value in tree.items():
        here = (*table, key)
        is_table = any(path[: len(here)] == here and path != here for path in paths)
        if is_table and (isinstance(value, Mapping) or key not in known):
            if not isinstance(value, Mapping):
                raise SettingsError(f"{'.'.join(here)} in {source} is {value!r}; it must be a table")
            yield from _flat(value, known, source, here)
        elif key in known and table in ((), known[key].path[:-1]):
            yield key, value, source
        else:
            place = f"in table [{'.'.join(table)}] of {source}" if table else f"in {source}"
            nearby = {path[-1] for path in paths if path[:-1] == table} if table else known
            raise UnknownName(f"setting {place}", key, nearby)


def _from_environment(
    environment: Mapping[str, str], known: Mapping[str, Leaf], *, overruled: Collection[str]
) -> Iterator[Given]:
    """What variables give, but for leaves whose flag was typed: a variable may be meant for another command.

    Raises:
        SettingsError: a value does not fit here; the message says how to overrule it.
    """
    for name, leaf in known.items():
        if not leaf.variable or leaf.variable not in environment or name in overruled:
            continue
        text = environment[leaf.variable]
        value = text.split(",") if leaf.is_list else text
        try:
            leaf.check(value, leaf.variable)
        except SettingsError as error:
            raise SettingsError(
                f"{error}; the variable counts for every command with {leaf.flag}: give {leaf.flag} here, which "
                f"overrules it, or unset {leaf.variable}"
            ) from None
        yield name, value, leaf.variable


def _flags(flags: Mapping[str, Any], known: Mapping[str, Leaf]) -> Iterator[tuple[str, Any, Leaf]]:
    for name, value in flags.items():
        if name not in known:
            raise UnknownName("setting", name, known)
        yield name, value, known[name]


def _as_tree(value: Any, leaf: Leaf | None) -> Any:
    """What Python gives for a leaf or a table, as a file would have it."""
    if isinstance(value, Settings):
        return value.model_dump(exclude_unset=True)
    return value if leaf is None else _several(value, leaf.field)


def _several(value: Any, field: FieldInfo) -> Any:
    """`value`; a text or path alone as the only one of several, where the field holds several."""
    alone = isinstance(value, str | PurePath) and get_origin(field.annotation) is tuple
    return (value,) if alone else value


def _as_given(values: Mapping[str, Any], fields: Mapping[str, FieldInfo]) -> dict[str, Any]:
    """The values of fields, paths as text."""
    return {
        name: _given(_several(value, fields[name]), fields[name], name, "") if name in fields else value
        for name, value in values.items()
    }


def _given(value: Any, field: FieldInfo, name: str, source: str) -> Any:
    """The value of a field, paths as text."""
    try:
        text = as_text(value, home=_may_be_path(field))
        if isinstance(text, str) and holds_paths(field.annotation, (Path,)) and is_url(text):
            raise SettingsError("a file or folder of this machine is needed here, not one in an object store")
        return text
    except SettingsError as error:
        raise SettingsError(f"{name} is {value!r}{f' ({source})' if source else ''}; {error}") from None


def _may_be_path(field: FieldInfo) -> bool:
    return any(map(holds_paths, (field.annotation, *field.metadata)))


def _bare(kind: Any) -> Any:
    """A type without what is said about it: `str` for `NameOrPath`."""
    return get_args(kind)[0] if get_origin(kind) is Annotated else kind


def _nest(values: Mapping[str, Any], known: Mapping[str, Leaf]) -> dict[str, Any]:
    """The tree of a flat mapping: `{"layers": 4}` to `{"model": {"layers": 4}}`."""
    tree: dict[str, Any] = {}
    for name, value in values.items():
        *tables, last = known[name].path
        branch = tree
        for table in tables:
            branch = branch.setdefault(table, {})
        branch[last] = value
    return tree


def _plain(
    error: ValidationError, *, known: Mapping[str, Any] | None = None, name: str = "", source: str = ""
) -> SettingsError:
    """One line for all that pydantic found: what was given, where, and what would fit."""
    complaints: dict[str, list[str]] = {}
    for detail in error.errors():
        key = name or ".".join(str(part) for part in detail["loc"][:1])
        if detail["type"] == "extra_forbidden":
            return UnknownName("setting", key, known or ())
        if detail["type"] == "missing":
            complaints[f"{key} is missing"] = []
        elif detail["type"] == "value_error":
            complaints[f"{key}: {detail['ctx']['error']}" if key else str(detail["ctx"]["error"])] = []
        else:
            given = f"{key} is {detail['input']!r}" + (f" ({source})" if source else "")
            wanted = detail["msg"].split(", unable")[0].removeprefix("Input should ")
            complaints.setdefault(given, []).append(wanted)
    return SettingsError(
        "; ".join(
            given + (f"; it should {' or '.join(wanted)}" if wanted else "") for given, wanted in complaints.items()
        )
    )
