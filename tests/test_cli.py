"""The command line: lazy, helpful, and one clear line with the right exit code for whatever goes wrong."""

from __future__ import annotations

import errno
import json
import os
import signal
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any, ClassVar

import pytest
from pydantic import Field

from foretext import cli
from foretext.errors import DataError, ForetextError
from foretext.flags import command_line
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
    command = cli.Command("brew", "Brew tea.", "foretext brew a", ("files",), package="kitchen")
    monkeypatch.setattr(cli, "COMMANDS", (command,))
    for name in [name for name in os.environ if name.startswith("FORETEXT_")]:
        monkeypatch.delenv(name)


def add_module(monkeypatch: pytest.MonkeyPatch, name: str, **content: Any) -> None:
    """A module of that name for the time of a test."""
    module = ModuleType(name)
    module.__dict__.update(content)
    monkeypatch.setitem(sys.modules, name, module)


REAL_COMMANDS = cli.COMMANDS


def foretext(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """The real command line in a process of its own."""
    return subprocess.run(
        [sys.executable, "-m", "foretext", *arguments],
        capture_output=True,
        text=True,
        env={**os.environ, **environment},
        timeout=60,
    )


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


def test_help_says_where_a_number_or_a_word_may_be_given() -> None:
    assert "--micro-batch INTEGER|auto" in foretext("pretrain", "--help").stdout


@pytest.mark.parametrize("command", REAL_COMMANDS, ids=lambda command: command.name)
def test_every_command_has_help_with_an_example_and_needs_no_torch_for_it(command: cli.Command) -> None:
    program = (
        "import sys; from foretext.cli import main; code = main(sys.argv[1:]);"
        "sys.exit('torch was loaded' if 'torch' in sys.modules else code)"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, *command.words, "--help"], capture_output=True, text=True, env=_wide()
    )
    assert done.returncode == 0, done.stderr
    assert f"Example: {command.example}" in done.stdout


@pytest.mark.parametrize("command", REAL_COMMANDS, ids=lambda command: command.name)
def test_every_command_fits_its_recipe(command: cli.Command) -> None:
    settings = command.settings
    assert set(command.positionals) <= set(leaves(settings))
    assert all(leaf.help for leaf in leaves(settings).values())
    assert callable(command.function)
    assert command.example.startswith(f"foretext {command.name}")
    command_line(settings, lambda given: 0, positionals=command.positionals)  # refuses two flags of one name


def _wide() -> dict[str, str]:
    return {**os.environ, "COLUMNS": "250"}


def test_flags_reach_the_recipe_and_its_result_is_printed(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["brew", "a", "-", "--spoons", "3"]) == 0
    assert capsys.readouterr().out == "3 spoons\na -\n"


def test_a_command_of_two_words_is_found_below_its_group(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    add_module(monkeypatch, "kitchen.teas.green", tea_green=brew)
    add_module(monkeypatch, "kitchen.settings.tea", TeaGreenSettings=BrewSettings)
    green = cli.Command("tea green", "Brew green tea.", "foretext tea green a", ("files",), package="kitchen")
    monkeypatch.setattr(cli, "COMMANDS", (*cli.COMMANDS, green))
    monkeypatch.setattr(cli, "GROUPS", {"tea": cli.CommandGroup("Brew one of the teas.", "teas")})
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
    done = foretext("no-such-command")
    assert done.returncode == 2
    assert done.stdout == ""
    assert done.stderr.count("\n") == 1


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
