"""The command line: lazy, helpful, and one clear line with the right exit code for whatever goes wrong."""

from __future__ import annotations

import errno
import json
import os
import re
import shlex
import signal
import subprocess
import sys
import tomllib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any, ClassVar, get_args

import pytest
from pydantic import Field

from foretext import cli, commands
from foretext.errors import DataError, ForetextError
from foretext.flags import TABLES, command_line, hidden
from foretext.settings import Settings, leaves


class BrewSettings(Settings):
    """What the made-up command takes."""

    PRESETS: ClassVar[dict[str, Any]] = {"strong": {"spoons": 5}}

    files: tuple[Path, ...]
    """What to brew from."""
    spoons: int = Field(2, ge=1)
    """How many."""
    milk: bool = False
    """With milk."""
    fail: str = ""
    """How to go wrong."""


@dataclass(frozen=True)
class Brewed:
    settings: BrewSettings

    def lines(self) -> list[str]:
        return [f"{self.settings.spoons} spoons", " ".join(map(str, self.settings.files))]

    def to_json(self) -> dict[str, Any]:
        return {"spoons": self.settings.spoons}


FAILURES: dict[str, BaseException] = {
    "data": DataError("tea.csv:3: no leaves"),
    "work": ForetextError("the kettle broke"),
    "disk": OSError(errno.ENOSPC, "No space left on device", "cup"),
    "file": FileNotFoundError(errno.ENOENT, "No such file or directory", "cup"),
    "bug": ZeroDivisionError("division\nby zero"),
    "interrupt": KeyboardInterrupt(),
}


def brew(settings: BrewSettings) -> Brewed:
    if settings.fail:
        raise FAILURES[settings.fail]
    return Brewed(settings)


@pytest.fixture(autouse=True)
def _only_brew(monkeypatch: pytest.MonkeyPatch) -> None:
    """The table of commands with the made-up one alone; no FORETEXT_ variables from outside."""
    add_module(monkeypatch, "kitchen.brew", brew=brew)
    add_module(monkeypatch, "kitchen.settings.brew", BrewSettings=BrewSettings)
    command = commands.Command("brew", "Brew tea.", "foretext brew a", ("files",), package="kitchen", purpose="Use it")
    monkeypatch.setattr(cli, "COMMANDS", (command,))
    for name in [name for name in os.environ if name.startswith("FORETEXT_")]:
        monkeypatch.delenv(name)


def add_module(monkeypatch: pytest.MonkeyPatch, name: str, **content: Any) -> None:
    """A module of that name for the time of a test."""
    module = ModuleType(name)
    module.__dict__.update(content)
    monkeypatch.setitem(sys.modules, name, module)


REAL_COMMANDS = commands.COMMANDS


@pytest.fixture
def help_of(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Callable[..., str]:
    """What gives the help that the real commands print, where a line is long enough for all of a flag."""
    monkeypatch.setattr(cli, "COMMANDS", REAL_COMMANDS)
    monkeypatch.setenv("COLUMNS", "250")

    def printed(*arguments: str) -> str:
        assert cli.main(arguments) == 0
        return capsys.readouterr().out

    return printed


def test_help_and_version_load_neither_torch_nor_a_recipe() -> None:
    program = (
        "import sys; from foretext.cli import main; main(['--help']); main(['--version']);"
        "heavy = {'torch', 'numpy', 'pydantic', 'foretext.recipes'} & set(sys.modules);"
        "sys.exit(f'loaded: {heavy}' if heavy else 0)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    for command in REAL_COMMANDS:
        assert command.words[0] in done.stdout
        assert len(command.words) == 2 or command.help[:40] in done.stdout


def test_help_says_where_a_number_or_a_word_may_be_given(help_of: Callable[..., str]) -> None:
    assert "--micro-batch INTEGER|auto" in help_of("pretrain", "--help-all")


@pytest.mark.parametrize("command", REAL_COMMANDS, ids=lambda command: command.name)
def test_every_command_has_help_with_an_example(command: commands.Command, help_of: Callable[..., str]) -> None:
    assert f"Example: {command.example}" in help_of(*command.words, "--help")


@pytest.mark.parametrize("command", REAL_COMMANDS, ids=lambda command: command.name)
def test_every_command_fits_its_recipe(command: commands.Command) -> None:
    settings = command.settings
    assert set(command.positionals) <= set(leaves(settings))
    assert all(leaf.help for leaf in leaves(settings).values())
    assert callable(command.function)
    assert command.example.startswith(f"foretext {command.name}")
    command_line(settings, lambda given: 0, positionals=command.positionals)  # refuses two flags of one name


def test_help_lists_the_commands_by_what_they_are_for(help_of: Callable[..., str]) -> None:
    told = help_of("--help")
    purposes = [purpose for purpose in get_args(commands.Purpose) if f" {purpose} ─" in told]
    assert purposes == [
        "Look at data",
        "Get a model",
        "Teach it a task",
        "Know what it is worth",
        "Use it",
        "Know what it is",
    ]
    places = sorted((told.index(f" {purpose} ─"), purpose) for purpose in purposes)
    for command in REAL_COMMANDS:
        line = told.index(f"│ {command.words[0]} ")
        assert max(place for place in places if place[0] < line)[1] == command.purpose, command.name


@pytest.mark.parametrize("command", REAL_COMMANDS, ids=lambda command: command.name)
def test_every_flag_that_help_shows_to_all_exists_and_whatever_must_be_given_is_among_them(
    command: commands.Command,
) -> None:
    known = leaves(command.settings)
    shown = [name for names in command.settings.SHOWN.values() for name in names]
    assert set(shown) <= known.keys()
    assert len(shown) == len(set(shown))
    assert not set(shown) & set(command.positionals)
    assert not [name for name in hidden(command.settings, command.positionals) if known[name].required]


@pytest.mark.parametrize("command", REAL_COMMANDS, ids=lambda command: command.name)
def test_every_table_of_settings_has_a_title_for_a_stranger(command: commands.Command) -> None:
    assert {leaf.path[-2] for leaf in leaves(command.settings).values() if len(leaf.path) > 1} <= TABLES.keys()


def test_help_shows_what_most_people_need_and_says_how_much_more_there_is(help_of: Callable[..., str]) -> None:
    told = help_of("finetune", "--help")
    assert re.findall(r"╭─ ([^─]+) ─", told) == [
        *("Inputs", "Data", "Task", "Training", "Output", "Flags of every command")
    ]
    settings = commands.Command("finetune", "", "", purpose="Use it").settings
    more = [leaf.flag for name, leaf in leaves(settings).items() if name in hidden(settings, ("model", "data"))]
    assert told.endswith(f"\n{len(more)} more flags: foretext finetune --help-all shows them all.\n")
    everything = help_of("finetune", "--help-all")
    for flag in more:
        assert f"{flag} " not in told
        assert f"{flag} " in everything
    assert "more flags" not in everything
    assert all(f" {title} ─" in everything for title in ("Optimizer", "Device, memory, logging, checkpoints"))


def test_help_all_is_the_same_as_help_where_nothing_is_hidden(help_of: Callable[..., str]) -> None:
    assert help_of("storyworld", "--help-all") == help_of("storyworld", "--help")
    assert help_of("--help-all") == help_of("--help")


@pytest.mark.parametrize(
    ("arguments", "model", "data"),
    [
        (["finetune", "mini", "a.csv", "--out", "run"], "mini", "a.csv"),
        (["finetune", "--out", "run", "mini", "--data", "a.csv"], "mini", "a.csv"),
        (["finetune", "--model", "mini", "--data", "a.csv", "--out", "run"], "mini", "a.csv"),
        (["finetune", "mini", "--task", "SST-2", "--out", "run"], "mini", None),
        (["evaluate", "run", "a.csv"], "run", "a.csv"),
        (["evaluate", "run", "--data=a.csv"], "run", "a.csv"),
        (["predict", "run", "-"], "run", "-"),
    ],
)
def test_model_and_data_stand_first_or_behind_their_flags(
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    arguments: list[str],
    model: str,
    data: str | None,
) -> None:
    monkeypatch.setattr(cli, "COMMANDS", REAL_COMMANDS)
    assert cli.main([*arguments, "--print-settings"]) == 0
    printed = tomllib.loads(capsys.readouterr().out)
    assert printed["model"] == model
    assert printed.get("labelled", printed).get("data") == data


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ("evaluate run a.csv --data b.csv", "DATA given twice, with --data and without (a.csv); leave one out"),
        ("finetune mini a.csv --model x --data=b", "MODEL and DATA given twice, with --model and --data and without"),
        ("finetune mini --model x", "--model gives MODEL already: if 'mini' is MODEL too, it is given twice"),
        ("evaluate a.csv --model x", "if it is DATA, write --data a.csv"),
        ("evaluate run a.csv b.csv", "too many arguments: b.csv"),
    ],
)
def test_what_is_given_twice_is_an_error_that_says_so(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, arguments: str, expected: str
) -> None:
    monkeypatch.setattr(cli, "COMMANDS", REAL_COMMANDS)
    assert cli.main(arguments.split()) == 2
    assert expected in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["- he said"], ["- he said"]),
        (["-he said", "-"], ["-he said", "-"]),
        (["--", "-x", "--help", "--", "--debug"], ["-x", "--help", "--", "--debug"]),
        (["a", "--", "--help-all"], ["a", "--help-all"]),
    ],
)
def test_a_value_may_begin_with_a_dash(
    capsys: pytest.CaptureFixture[str], arguments: list[str], expected: list[str]
) -> None:
    assert cli.main(["brew", "--print-settings", *arguments]) == 0
    assert tomllib.loads(capsys.readouterr().out)["files"] == expected


def test_the_value_of_a_flag_may_begin_with_a_dash(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["brew", "a", "--print-settings", "--fail", "- he said"]) == 0
    assert tomllib.loads(capsys.readouterr().out)["fail"] == "- he said"


def test_flags_reach_the_recipe_and_its_result_is_printed(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["brew", "a", "-", "--spoons", "3"]) == 0
    assert capsys.readouterr().out == "3 spoons\na -\n"


def test_a_command_of_two_words_is_found_below_its_group(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    add_module(monkeypatch, "kitchen.teas.green", tea_green=brew)
    add_module(monkeypatch, "kitchen.settings.tea", TeaGreenSettings=BrewSettings)
    green = commands.Command(
        "tea green", "Brew green tea.", "foretext tea green a", ("files",), package="kitchen", purpose="Use it"
    )
    monkeypatch.setattr(cli, "COMMANDS", (*cli.COMMANDS, green))
    monkeypatch.setitem(commands.GROUPS, "tea", commands.CommandGroup("Brew one of the teas.", "teas"))
    assert cli.main(["tea", "green", "a", "--spoons", "4"]) == 0
    assert capsys.readouterr().out == "4 spoons\na\n"
    assert cli.main(["tea", "--help"]) == 0
    assert "Brew green tea." in capsys.readouterr().out
    assert cli.main(["--help"]) == 0
    assert "Brew one of the teas." in capsys.readouterr().out
    assert cli.main(["tea", "gren"]) == 2
    assert 'Did you mean "green"?' in capsys.readouterr().err


def test_json_is_one_object_on_stdout(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["brew", "a", "--json", "--preset", "strong"]) == 0
    assert json.loads(capsys.readouterr().out) == {"spoons": 5}


def test_print_settings_shows_sources_and_does_nothing(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FORETEXT_SPOONS", "7")
    toml = tmp_path / "tea.toml"
    toml.write_text("spoons = 6\nmilk = true\nfail = 'bug'\n")
    assert cli.main(["brew", "a", "--settings", str(toml), "--print-settings", "--no-milk"]) == 0
    assert capsys.readouterr().out == (
        f'files = ["a"]  # --files\nspoons = 7  # FORETEXT_SPOONS\nmilk = false  # --milk\nfail = "bug"  # {toml}\n'
    )


@pytest.mark.parametrize("command", REAL_COMMANDS, ids=lambda command: command.name)
def test_print_settings_has_a_line_for_every_setting_set_or_not(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, command: cli.Command
) -> None:
    monkeypatch.setattr(cli, "COMMANDS", REAL_COMMANDS)
    assert cli.main([*shlex.split(command.example)[1:], "--print-settings"]) == 0
    printed = [text.removeprefix("# ").split(" ")[0] for text in capsys.readouterr().out.splitlines()]
    assert leaves(command.settings).keys() <= set(printed)


@pytest.mark.parametrize(
    ("arguments", "code", "expected"),
    [
        (["brew", "a", "--fail", "data"], 2, "foretext: tea.csv:3: no leaves"),
        (["brew", "a", "--fail", "work"], 1, "foretext: the kettle broke"),
        (["brew", "a", "--fail", "disk"], 2, "foretext: no space left to write cup"),
        (["brew", "a", "--fail", "file"], 2, "foretext: cannot use cup: No such file"),
        (["brew", "a", "--fail", "bug"], 1, "this is a bug in foretext: ZeroDivisionError: division by zero (--debug"),
        (["brew", "a", "--fail", "interrupt"], 130, "foretext: interrupted"),
        (["brew"], 2, "files is missing: What to brew from."),
        (["brew", "a", "--spoons", "0"], 2, "spoons is '0' (--spoons); it should be greater than or equal to 1"),
        (["brew", "a", "--spoon", "3"], 2, "Unknown option: --spoon. Did you mean --spoons?"),
        (["brew", "a", "--spoons"], 2, "--spoons requires an argument"),
        (["brew", "a", "-x"], 2, "For a text that begins with a dash, write -- before it: -- '-x'"),
        (["brew", "a", "--fail", "-x"], 2, "For a value that begins with a dash, write --fail=-x"),
        (["brew", "a", "--preset", "stron"], 2, 'Did you mean "strong"?'),
        (["brew", "a", "--settings", "nowhere.toml"], 2, "nowhere.toml: No such file"),
        (["brow"], 2, 'Did you mean "brew"?'),
    ],
)
def test_what_goes_wrong_is_one_line_and_an_exit_code(
    capsys: pytest.CaptureFixture[str], arguments: list[str], code: int, expected: str
) -> None:
    assert cli.main(arguments) == code
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.count("\n") == 1
    assert expected in captured.err


def test_debug_shows_the_traceback_and_keeps_the_exit_code(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["brew", "a", "--fail", "data", "--debug"]) == 2
    assert "Traceback" in capsys.readouterr().err


def test_a_misspelt_variable_is_refused(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FORETEXT_SPONS", "3")
    assert cli.main(["brew", "a"]) == 2
    assert "did you mean 'FORETEXT_SPOONS'?" in capsys.readouterr().err


def test_a_preset_named_in_the_environment_counts_and_is_checked(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FORETEXT_PRESET", "strong")
    assert cli.main(["brew", "a"]) == 0
    assert "5 spoons" in capsys.readouterr().out
    monkeypatch.setenv("FORETEXT_PRESET", "weak")
    assert cli.main(["brew", "a"]) == 2
    assert "no preset called 'weak'" in capsys.readouterr().err


def test_wrong_usage_leaves_the_process_with_code_2() -> None:
    done = subprocess.run([sys.executable, "-m", "foretext", "no-such-command"], capture_output=True, text=True)
    assert done.returncode == 2
    assert done.stdout == ""
    assert done.stderr.count("\n") == 1


IN_TORCH = """
import atexit, sys, threading, torch
from foretext import cli

def compute():
    numbers = torch.ones(64, 64)
    while True:
        numbers @ numbers

cli.main(["--version"])
atexit.register(print, "left for the end")
for _ in range(4):
    threading.Thread(target=compute, daemon=True).start()
sys.argv = ["foretext", "--version"]
sys.exit(cli.main())
"""


def test_threads_of_torch_do_not_abort_a_process_that_ends() -> None:
    done = subprocess.run([sys.executable, "-c", IN_TORCH], capture_output=True, text=True, timeout=600, check=False)
    assert done.returncode == 0, done.stderr
    version, again, *rest = done.stdout.splitlines()
    assert (again, rest) == (version, ["left for the end"])
    assert not done.stderr


WAITED_FOR = """
import sys, threading, time
from foretext import cli

def write():
    time.sleep(1)
    print("written", flush=True)

threading.Thread(target=write).start()
sys.argv = ["foretext", "--version"]
sys.exit(cli.main())
"""


def test_a_thread_that_writes_is_waited_for() -> None:
    done = subprocess.run([sys.executable, "-c", WAITED_FOR], capture_output=True, text=True, timeout=600, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[1:] == ["written"]


def test_a_closed_pipe_ends_the_program_quietly() -> None:
    reader, writer = os.pipe()
    os.close(reader)
    command = [sys.executable, "-m", "foretext", "generate", "run", "prompt", "--print-settings"]
    done = subprocess.run(command, stdout=writer, stderr=subprocess.PIPE, text=True)
    os.close(writer)
    assert (done.returncode, done.stderr) == (141, "")


def test_a_termination_signal_runs_the_clean_up(tmp_path: Path) -> None:
    program = (
        "import sys, time; from pathlib import Path; from foretext import cli; from foretext.files import atomic_file\n"
        "def wait(arguments):\n"
        "    with atomic_file(Path(sys.argv[1]) / 'out'):\n"
        "        print('ready', flush=True); time.sleep(60)\n"
        "cli._dispatch = wait; sys.exit(cli.main([]))"
    )
    process = subprocess.Popen([sys.executable, "-c", program, str(tmp_path)], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    process.send_signal(signal.SIGTERM)
    assert process.wait(timeout=60) == 143
    process.stdout.close()
    assert list(tmp_path.iterdir()) == []
