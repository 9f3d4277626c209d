"""Settings: the order of their sources, and errors of one line that help."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, ClassVar, Literal

import pytest
from pydantic import Field, ValidationError, field_validator

from foretext.errors import SettingsError, UnknownName
from foretext.paths import NameOrPath
from foretext.recipes.settings.finetune import FinetuneSettings
from foretext.settings import Seed, Settings, leaves, resolve, to_json, to_toml, was_given


class Boiler(Settings):
    """A table."""

    pressure: float = Field(1.5, gt=0, le=10)
    """In bar."""
    valves: int = Field(4, ge=1)


class Engine(Settings):
    """A tree of two levels."""

    PRESETS: ClassVar[dict[str, Any]] = {"small": {"fuel": "wood", "valves": 2, "boiler": {"pressure": 1.0}}}

    name: str
    """What it is called."""
    fuel: Literal["coal", "wood"] = "coal"
    stops: tuple[str, ...] = ()
    log: Path | None = None
    steam: bool = True
    data: str = ""
    boiler: Boiler = Boiler(valves=6)

    @field_validator("name")
    @classmethod
    def _is_short(cls, name: str) -> str:
        if len(name) > 20:
            raise ValueError("a name has at most 20 letters")
        return name


@pytest.fixture
def toml(tmp_path: Path) -> Callable[[str], Path]:
    def write(text: str) -> Path:
        path = tmp_path / "engine.toml"
        path.write_text(text, encoding="utf-8")
        return path

    return write


def message_of(call: Callable[[], Any]) -> str:
    with pytest.raises(SettingsError) as caught:
        call()
    message = str(caught.value)
    assert "\n" not in message
    return message


def test_each_source_beats_the_ones_before_it(toml: Callable[[str], Path]) -> None:
    layers: dict[str, Any] = {
        "preset": {"valves": 1, "pressure": 1.0, "fuel": "wood"},
        "toml": toml("fuel = 'coal'\n[boiler]\nvalves = 2\npressure = 2"),
        "environment": {"FORETEXT_VALVES": "3", "FORETEXT_NAME": "Rocket"},
        "flags": {"name": "Puffing Billy"},
    }
    resolved = resolve(Engine, preset_name="small", **layers)
    assert resolved.value == Engine(name="Puffing Billy", fuel="coal", boiler=Boiler(valves=3, pressure=2.0))
    assert resolved.sources["name"] == "--name"
    assert resolved.sources["boiler.valves"] == "FORETEXT_VALVES"
    assert resolved.sources["boiler.pressure"] == str(layers["toml"])
    assert resolved.sources["steam"] == "default"
    del layers["toml"]
    assert resolve(Engine, preset_name="small", **layers).sources["boiler.pressure"] == "preset small"


def test_a_table_keeps_the_defaults_its_owner_gives_it() -> None:
    assert Boiler().valves == 4
    assert resolve(Engine, flags={"name": "Rocket", "pressure": 3}).value.boiler.valves == 6


def test_the_environment_gives_lists_with_commas_and_truth_values_in_words() -> None:
    environment = {"FORETEXT_STOPS": "Leeds,York", "FORETEXT_STEAM": "off"}
    value = resolve(Engine, environment=environment, flags={"name": "Rocket"}).value
    assert value.stops == ("Leeds", "York")
    assert value.steam is False


def test_a_variable_that_does_not_fit_a_command_says_how_to_overrule_it_and_a_flag_does() -> None:
    environment = {"FORETEXT_FUEL": "modern", "FORETEXT_NAME": "Rocket"}
    with pytest.raises(SettingsError) as said:
        resolve(Engine, environment=environment)
    assert str(said.value) == (
        "fuel is 'modern' (FORETEXT_FUEL); it should be 'coal' or 'wood'; the variable counts for every command with "
        "--fuel: give --fuel here, which overrules it, or unset FORETEXT_FUEL"
    )
    resolved = resolve(Engine, environment=environment, flags={"fuel": "wood"})
    assert (resolved.value.fuel, resolved.sources["fuel"]) == ("wood", "--fuel")


def test_a_variable_that_means_something_else_is_no_setting() -> None:
    value = resolve(Engine, environment={"FORETEXT_DATA": "/elsewhere"}, flags={"name": "Rocket"}).value
    assert value.data == ""


class Fuel(Settings):
    """A table with a leaf of its own name."""

    fuel: Literal["coal", "wood"] = "coal"
    sacks: int = 2


class Tender(Settings):
    """What has that table."""

    fuel: Fuel = Fuel()


@pytest.mark.parametrize("text", ["fuel = 'wood'", "[fuel]\nfuel = 'wood'", "fuel.fuel = 'wood'"])
def test_a_leaf_may_have_the_name_of_its_table(text: str, toml: Callable[[str], Path]) -> None:
    wanted = Tender(fuel=Fuel(fuel="wood"))
    assert resolve(Tender, toml=toml(text)).value == wanted
    assert resolve(Tender, flags={"fuel": "wood"}).value == wanted
    assert resolve(Tender, environment={"FORETEXT_FUEL": "wood"}).value == wanted
    assert resolve(Tender, toml=toml(to_toml(wanted))).value == wanted
    for given in ("wood", {"fuel": "wood"}, Fuel(fuel="wood")):
        assert Tender.named({"fuel": given}) == wanted


def test_what_is_written_as_toml_is_read_back_the_same(toml: Callable[[str], Path]) -> None:
    value = Engine(
        name='a "b" \\ \t é \x7f', stops=("x", "y"), log=Path("a/b"), steam=False, boiler=Boiler(pressure=1e-7)
    )
    assert resolve(Engine, toml=toml(to_toml(value))).value == value
    assert "log" not in to_toml(Engine(name="x"))


def test_resolved_settings_show_each_source_as_a_comment() -> None:
    text = resolve(Engine, flags={"name": "Rocket"}).to_toml()
    assert 'name = "Rocket"  # --name' in text
    assert "[boiler]\npressure = 1.5  # default\nvalves = 6  # default" in text


def test_resolved_settings_show_what_is_not_set_and_are_read_back_the_same(toml: Callable[[str], Path]) -> None:
    resolved = resolve(Engine, flags={"name": "Rocket"})
    assert "# log is not set  # default\n" in resolved.to_toml()
    assert resolve(Engine, toml=toml(resolved.to_toml())).value == resolved.value


def test_json_holds_only_what_json_knows() -> None:
    tree = to_json(Engine(name="x", log=Path("a"), stops=("b",)))
    assert tree["log"] == "a"
    assert tree["stops"] == ["b"]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("valve = 3", "did you mean 'valves'?"),
        ("[boiler]\nvalve = 3", "in table [boiler] of"),
        ("[boiler]\nname = 'x'", "no setting in table [boiler] of"),
        ("boiler = 3", "must be a table"),
        ("[boiler]\nvalves = true", "takes no truth value"),
        ("[boiler]\nvalves = 0", "greater than or equal to 1"),
        ("[boiler]\npressure = nan", "pressure is nan"),
        ("stops = 'Leeds'", "stops is 'Leeds'"),
        ("name = 3", "valid string"),
        ("name = ", "is not TOML"),
    ],
)
def test_a_mistake_in_a_file_is_told_with_its_name(toml: Callable[[str], Path], text: str, expected: str) -> None:
    message = message_of(lambda: resolve(Engine, toml=toml(text)))
    assert expected in message
    assert "engine.toml" in message


def test_a_missing_settings_file_is_told_with_its_name(tmp_path: Path) -> None:
    assert "nowhere.toml: No such file" in message_of(lambda: resolve(Engine, toml=tmp_path / "nowhere.toml"))


@pytest.mark.parametrize(
    ("flags", "expected"),
    [
        ({}, "name is missing: What it is called."),
        ({"name": "x", "valves": "four"}, "valves is 'four' (--valves); it should be a valid integer"),
        ({"name": "x", "fuel": "gas"}, "fuel is 'gas' (--fuel); it should be 'coal' or 'wood'"),
        ({"name": "x" * 30}, "at most 20 letters"),
        ({"nam": "x"}, "did you mean 'name'?"),
    ],
)
def test_a_mistake_in_a_flag_is_told_in_one_line(flags: dict[str, Any], expected: str) -> None:
    assert expected in message_of(lambda: resolve(Engine, flags=flags))


def test_a_mistake_in_python_is_told_as_plainly() -> None:
    message = message_of(lambda: Boiler(valves=0, pressure=99.0))
    assert "valves is 0; it should be greater than or equal to 1" in message
    assert "pressure is 99.0; it should be less than or equal to 10" in message
    with pytest.raises(UnknownName, match="did you mean 'valves'"):
        Boiler(valvs=1)  # type: ignore[call-arg]


class Draw(Settings):
    """Numbers without a limit of their own."""

    seed: Seed = 0
    share: float = 0.5
    most: float | None = None


@pytest.mark.parametrize("text", ["inf", "-inf", "nan"])
@pytest.mark.parametrize("name", ["share", "most"])
def test_a_number_is_finite_wherever_it_comes_from(toml: Callable[[str], Path], name: str, text: str) -> None:
    wanted = "it should be a finite number"
    assert wanted in message_of(lambda: resolve(Draw, flags={name: text}))
    assert wanted in message_of(lambda: resolve(Draw, environment={f"FORETEXT_{name.upper()}": text}))
    assert wanted in message_of(lambda: resolve(Draw, toml=toml(f"{name} = {text}")))
    assert wanted in message_of(lambda: Draw(**{name: float(text)}))


def test_a_seed_has_63_bits() -> None:
    assert resolve(Draw, flags={"seed": str(2**63 - 1)}).value.seed == 2**63 - 1
    for seed in (2**63, 2**70):
        assert "seed is" in message_of(lambda seed=seed: resolve(Draw, flags={"seed": str(seed)}))  # type: ignore[misc]
    assert "seed is -1; it should be greater than or equal to 0" in message_of(lambda: Draw(seed=-1))


def test_settings_do_not_change() -> None:
    with pytest.raises(ValidationError, match="frozen"):
        Boiler().valves = 3  # type: ignore[misc]


def test_two_leaves_of_one_name_are_a_bug() -> None:
    class Twice(Settings):
        valves: int = 1
        boiler: Boiler = Boiler()

    with pytest.raises(AssertionError, match="two settings called valves"):
        leaves(Twice)


class Shed(Settings):
    """Paths, names that may be paths, and texts that are neither."""

    model: NameOrPath = ""
    start: NameOrPath | None = None
    inputs: tuple[NameOrPath, ...] = ()
    out: Path = Path()
    valid: Path | None = None
    parts: tuple[Path, ...] = ()
    prompt: str = ""
    suffix: str | None = None
    columns: tuple[str, ...] = ()


PATHS = {"model": "~/a", "start": "~/b", "inputs": ["~/c", "-"], "out": "~/d", "valid": "~", "parts": ["~/e", "~/f"]}
TEXTS = {"prompt": "~/a", "suffix": "~", "columns": ["~/b"]}


@pytest.fixture
def at_home(monkeypatch: pytest.MonkeyPatch) -> Shed:
    """What PATHS and TEXTS mean where home is /home/me."""
    monkeypatch.setenv("HOME", "/home/me")
    home = Path("/home/me")
    return Shed(
        model="/home/me/a",
        start="/home/me/b",
        inputs=("/home/me/c", "-"),
        out=home / "d",
        valid=home,
        parts=(home / "e", home / "f"),
        prompt="~/a",
        suffix="~",
        columns=("~/b",),
    )


def test_a_tilde_is_the_home_folder_in_paths_alone_whoever_gives_them(
    at_home: Shed, toml: Callable[[str], Path]
) -> None:
    everything = {**PATHS, **TEXTS}
    file = "\n".join(f"{name} = {value!r}" for name, value in everything.items())
    environment = {
        f"FORETEXT_{name.upper()}": ",".join(value) if isinstance(value, list) else value
        for name, value in everything.items()
    }
    assert Shed(**everything) == at_home
    assert resolve(Shed, flags=everything).value == at_home
    assert resolve(Shed, preset=everything).value == at_home
    assert resolve(Shed, environment=environment).value == at_home
    assert resolve(Shed, toml=toml(file)).value == at_home


def test_a_settings_file_is_found_at_home(toml: Callable[[str], Path], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(toml("name = 'Rocket'").parent))
    assert resolve(Engine, toml=Path("~/engine.toml")).value.name == "Rocket"


def test_a_text_may_be_given_as_a_path_and_a_path_as_text(at_home: Shed) -> None:
    as_paths = {
        name: [Path(item) for item in value] if isinstance(value, list) else Path(value)
        for name, value in {**PATHS, **TEXTS}.items()
    }
    assert Shed(**as_paths) == at_home
    assert resolve(Shed, flags=as_paths).value == at_home


@pytest.mark.parametrize("name", ["a\0b", "a\ud83d"])
def test_what_no_file_can_be_called_is_refused_as_a_path(name: str) -> None:
    with pytest.raises(SettingsError, match="no file can be called 'a"):
        Shed(out=f"{name}/run")


def test_the_tilde_of_a_stranger_is_refused_with_a_way_out() -> None:
    expected = "out is '~nobody-here/run'; there is no user 'nobody-here' on this machine"
    assert expected in message_of(lambda: Shed(out="~nobody-here/run"))
    assert "give its whole path" in message_of(lambda: Shed(inputs=["a", "~nobody-here"]))
    assert "model is '~nobody-here' (--model)" in message_of(lambda: resolve(Shed, flags={"model": "~nobody-here"}))
    assert Shed(model="./~nobody-here", prompt="~nobody-here").model == "./~nobody-here"


def test_a_preset_takes_changes_by_flat_names_and_in_tables() -> None:
    small = Engine(name="Rocket", fuel="wood", boiler=Boiler(valves=2, pressure=1.0))
    assert Engine.preset("small", name="Rocket") == small
    more = Engine(name="Rocket", fuel="wood", boiler=Boiler(valves=9, pressure=1.0))
    assert Engine.preset("small", name="Rocket", valves=9) == more
    assert Engine.preset("small", name="Rocket", boiler={"valves": 9}) == more
    assert Engine.preset("small", name="Rocket", boiler=Boiler(valves=9)) == more


@pytest.mark.parametrize(
    ("call", "expected"),
    [
        (lambda: Engine.preset("smal", name="x"), "no preset called 'smal'; did you mean 'small'?"),
        (lambda: Boiler.preset("small"), "no preset called 'small'."),
        (
            lambda: Engine.preset("small", nam="x"),
            "no setting in the changes to preset small called 'nam'; did you mean",
        ),
        (lambda: Engine.preset("small"), "name is missing: What it is called."),
        (lambda: Engine.preset("small", name="x", valves=0), "valves is 0 (the changes to preset small); it should"),
    ],
)
def test_a_mistake_in_a_preset_or_its_changes_is_told_in_one_line(call: Callable[[], Any], expected: str) -> None:
    assert expected in message_of(call)


def test_values_are_named_flat_or_in_their_table_and_one_of_several_may_stand_alone() -> None:
    named = FinetuneSettings.named({"model": "mini", "out": "run", "text": "review", "loop": {"device": "cpu"}})
    assert (named.labelled.text, named.loop.device) == (("review",), "cpu")
    with pytest.raises(UnknownName, match="no setting called 'epoch'; did you mean 'epochs'"):
        FinetuneSettings.named({"model": "mini", "out": "run", "epoch": 2})


class TripSettings(Settings):
    INSTEAD: ClassVar[Mapping[str, tuple[str, ...]]] = {"hours": ("miles",)}
    PRESETS: ClassVar[Mapping[str, Mapping[str, Any]]] = {"short": {"miles": 3.0}}

    miles: float = 10.0
    hours: float = 0.0


def test_a_setting_may_take_the_place_of_another_but_not_of_one_given_by_hand():
    assert resolve(TripSettings, preset={"miles": 3.0}, preset_name="short", flags={"hours": 2.0}).value.hours == 2.0
    assert resolve(TripSettings, flags={"hours": 0.0, "miles": 5.0}).value.miles == 5.0
    for given in (
        lambda: resolve(TripSettings, flags={"hours": 2.0, "miles": 5.0}),
        lambda: resolve(TripSettings, flags={"hours": 2.0}, environment={"FORETEXT_MILES": "5"}),
        lambda: TripSettings.named({"hours": 2.0, "miles": 5.0}),
        lambda: TripSettings.preset("short", hours=2.0, miles=5.0),
    ):
        with pytest.raises(SettingsError, match="--hours takes the place of --miles: give one of them"):
            given()


def test_what_was_given_is_told_from_what_is_so_by_default(toml: Callable[[str], Path]) -> None:
    """Though it is given as it is by default, be it by flag, file or preset."""
    found = resolve(Engine, toml=toml("[boiler]\nvalves = 6\n"), flags={"name": "Ann", "fuel": "coal"}).value
    given = {name for name in leaves(Engine) if was_given(found, name)}
    assert given == {"name", "fuel", "valves"}
    assert found == Engine(name="Ann")
    preset = Engine.preset("small", name="Ann")
    assert {name for name in leaves(Engine) if was_given(preset, name)} == {"name", "fuel", "valves", "pressure"}
    assert not was_given(Engine(name="Ann"), "pressure")
