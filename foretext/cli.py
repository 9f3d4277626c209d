"""The command line: a table of commands, and what happens when one succeeds, fails or is interrupted.

A command is one recipe, a file of `recipes/`. Its flags come from the recipe's settings, its result says how it looks
(`lines`, `to_json`). Recipes are found by their names, so that no help, no `--print-settings` and no wrong flag loads
what the work needs.

Exit codes: 0 done; 1 the work failed, or `check` has doubts; 2 what was given cannot be used; 141 nobody reads the
output; 128 and its number when a signal ended the work: 129 SIGHUP, 130 SIGINT (Ctrl-C) and the end of --max-hours,
143 SIGTERM.
"""

from __future__ import annotations

import atexit
import gc
import logging
import os
import sys
import traceback
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from importlib import import_module
from typing import TYPE_CHECKING, Any, Literal, Protocol, cast, get_args, runtime_checkable

from foretext.disk import system_error
from foretext.errors import ForetextError, Stopped, UnknownName, UsageError
from foretext.signals import ENDING, WARNING, end_at_once, heard, ignore
from foretext.started import command_starts
from foretext.streams import ready_streams, say, writes_any_letter

if TYPE_CHECKING:
    from cyclopts import App, Group

    from foretext.flags import Given
    from foretext.settings import Settings


# What commands are for, in the order of `foretext --help`.
Purpose = Literal[
    "Look at data", "Get a model", "Teach it a task", "Know what it is worth", "Use it", "Know what it is"
]
GARBAGE_THRESHOLDS = (100_000, 50, 100)  # new objects before the young ones are looked through; rounds before the older


@dataclass(frozen=True)
class Command:
    """One command: what it does and what for, how it is typed, and which of its settings need no flag.

    The command `learn-tokenizer` is the function `learn_tokenizer(LearnTokenizerSettings)` in
    `foretext.recipes.learn_tokenizer`, its settings stand in `foretext.recipes.settings.learn_tokenizer`, so that they
    are known without what the work needs. `package` is where else to look, `verb` another name of the function, for a
    command like `import` that Python has a use for. A name of two words, `study layers`, is `study_layers` in
    `foretext.recipes.studies.layers`, its settings stand in `foretext.recipes.settings.study`, and its first word is
    one of the `GROUPS`.
    """

    name: str
    help: str
    example: str
    positionals: tuple[str, ...] = ()
    package: str = "foretext.recipes"
    verb: str = ""
    purpose: Purpose = field(kw_only=True)

    @property
    def settings(self) -> type[Settings]:
        """The class of its settings."""
        words = self._verb.split("_")
        home = import_module(f"{self.package}.settings.{self.words[0] if self.words[1:] else self._verb}")
        return cast("type[Settings]", getattr(home, f"{''.join(map(str.capitalize, words))}Settings"))

    @property
    def function(self) -> Callable[[Any], Result | None]:
        """The function that does it, and gives what there is to say."""
        place = self._verb
        if self.words[1:]:
            place = f"{GROUPS[self.words[0]].folder}.{self.words[1].replace('-', '_')}"
        home = import_module(f"{self.package}.{place}")
        return cast("Callable[[Any], Result | None]", getattr(home, self._verb))

    @property
    def _verb(self) -> str:
        return self.verb or self.name.replace("-", "_").replace(" ", "_")

    @property
    def words(self) -> list[str]:
        """The words it is typed as."""
        return self.name.split()


COMMANDS = (
    Command(
        "check",
        "Look at labelled files or raw text before anything learns from them: what is wrong, what may be, what cannot "
        "be judged. Leaves with 0 if they are sound, 1 if doubtful, 2 if unusable.",
        "foretext check reviews.csv --valid held-out.csv --report check.html",
        ("inputs",),
        purpose="Look at data",
    ),
    Command(
        "demo",
        "Show on made-up stories what pre-training is worth: every step from text to scores, in a few minutes.",
        "foretext demo --out foretext-demo",
        purpose="Know what it is",
    ),
    Command(
        "storyworld",
        "Write a corpus of made-up stories, and labelled tasks about them.",
        "foretext storyworld --stories 20000 --out stories",
        purpose="Know what it is",
    ),
    Command(
        "learn-tokenizer",
        "Learn a vocabulary from raw text.",
        "foretext learn-tokenizer books --size 8000 --out tokenizer",
        ("inputs",),
        purpose="Get a model",
    ),
    Command(
        "prepare",
        "Turn raw text into shards of token ids to train on.",
        "foretext prepare books --tokenizer tokenizer --out corpus",
        ("inputs",),
        purpose="Get a model",
    ),
    Command(
        "pretrain",
        "Train a language model on a prepared corpus.",
        "foretext pretrain corpus --preset mini --out run",
        ("corpus",),
        purpose="Get a model",
    ),
    Command(
        "finetune",
        "Fine-tune a model on labelled examples.",
        "foretext finetune mini reviews.csv --text review --label stars --out run",
        ("model", "data"),
        purpose="Teach it a task",
    ),
    Command(
        "evaluate",
        "Score a fine-tuned model on labelled examples.",
        "foretext evaluate run test.csv --report report.html",
        ("model", "data"),
        purpose="Know what it is worth",
    ),
    Command(
        "predict",
        "Answer each row of a file with a fine-tuned model.",
        "foretext predict run new.csv --out answers.csv",
        ("model", "data"),
        purpose="Use it",
    ),
    Command(
        "embed",
        "Turn each row of a file into a vector, the last layer's state.",
        "foretext embed run new.csv --out vectors.npy",
        ("model", "data"),
        purpose="Use it",
    ),
    Command(
        "reproduce",
        "Fine-tune as the paper did, under several seeds, and put the results beside its figures.",
        "foretext reproduce RTE --seeds 3 --model mini",
        ("task",),
        purpose="Know what it is worth",
    ),
    Command(
        "submit",
        "Answer a hidden test set in the files that GLUE's server or Story Cloze's takes.",
        "foretext submit CoLA run --out answers",
        ("task", "run"),
        purpose="Know what it is",
    ),
    Command(
        "generate",
        "Write on from a prompt.",
        'foretext generate run "The old woman opened the door and"',
        ("model", "prompt"),
        purpose="Use it",
    ),
    Command(
        "perplexity",
        "Measure how well a model predicts the words of a text.",
        "foretext perplexity run novel.txt",
        ("model", "inputs"),
        purpose="Know what it is worth",
    ),
    Command(
        "recipe",
        "Show the paper's recipe, and where a model departs from it. Each choice that the paper or its code makes is a "
        "point with a number.",
        "foretext recipe run",
        ("run",),
        purpose="Know what it is",
    ),
    Command(
        "import",
        "Read a language model in the layout of OpenAI's release or of Hugging Face's transformers.",
        "foretext import hf openai-community/openai-gpt --out gpt1",
        ("format", "source"),
        verb="import_model",
        purpose="Get a model",
    ),
    Command(
        "export",
        "Write a language model in the layout of OpenAI's release or of Hugging Face's transformers.",
        "foretext export hf run gpt1-for-transformers",
        ("format", "model", "folder"),
        verb="export_model",
        purpose="Use it",
    ),
    Command(
        "tasks",
        "List the published tasks that are known, and whether their files are at hand; or show one.",
        "foretext tasks RACE",
        ("name",),
        purpose="Know what it is",
    ),
    Command(
        "study layers",
        "Score against the number of layers transferred (Figure 2, left).",
        "foretext study layers mini CoLA SST-2 --train-rows 2000 --epochs 1 --out study",
        ("model", "tasks"),
        purpose="Know what it is worth",
    ),
    Command(
        "study zero-shot",
        "Answers without fine-tuning, over the updates of pre-training (Figure 2, right).",
        "foretext study zero-shot run lstm-run --tasks CoLA --tasks SST-2 --out study",
        ("models",),
        purpose="Know what it is worth",
    ),
    Command(
        "study ablations",
        "What pre-training, auxiliary loss and Transformer are worth (Table 5).",
        "foretext study ablations mini CoLA SST-2 --lstm lstm-run --train-rows 2000 --epochs 1 --out study",
        ("model", "tasks"),
        purpose="Know what it is worth",
    ),
    Command(
        "study data",
        "Score against the number of labels, with and without pre-training.",
        "foretext study data mini SST-2 --fewest 100 --points 6 --epochs 1 --out study",
        ("model", "tasks"),
        purpose="Know what it is worth",
    ),
    Command(
        "models",
        "List the models that can be called by name.",
        "foretext models --json",
        purpose="Get a model",
    ),
)


@dataclass(frozen=True)
class CommandGroup:
    """What commands of two words share that begin with the same one."""

    help: str
    folder: str  # of their recipes


GROUPS = {
    "study": CommandGroup("Repeat a study of the paper with a model and tasks: table, figure and report.", "studies"),
}


class Result(Protocol):
    """What a recipe returns: lines for a person, a tree of plain values for a program."""

    def lines(self) -> list[str]: ...

    def to_json(self) -> dict[str, Any]: ...


@runtime_checkable
class Verdict(Result, Protocol):
    """A result that judges, with the exit code that says how."""

    @property
    def exit_code(self) -> int:
        """What the command leaves with."""
        ...


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs one command and returns the exit code; results on stdout, progress and errors on stderr."""
    if arguments is None:
        _collect_less_garbage()
        command_starts()
    arguments = list(sys.argv[1:] if arguments is None else arguments)
    debug = "--debug" in _before_the_end(arguments) or os.environ.get("FORETEXT_DEBUG", "0") not in ("", "0")
    if "stdout" in ready_streams():
        say("foretext: standard output is closed; what belongs there is lost")
    try:
        with heard(ENDING, end_at_once, unless_ignored=ENDING), heard(WARNING, ignore):
            code = _dispatch(arguments)
            sys.stdout.flush()
        return code
    except KeyboardInterrupt as error:
        say(f"foretext: {str(error) or 'interrupted'}")
        return error.exit_code if isinstance(error, Stopped) else 130
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # Python flushes once more when it ends
        return 141
    except Exception as error:
        if debug:
            traceback.print_exc()
        return _report(error)


def _collect_less_garbage() -> None:
    """Looks for garbage rarely: doing so while torch loads, again and again, takes a quarter of a short command."""
    gc.set_threshold(*GARBAGE_THRESHOLDS)
    atexit.register(gc.freeze)


def _report(error: Exception) -> int:
    """One line on stderr for what went wrong, and the exit code."""
    error = _as_ours(error)
    if isinstance(error, ForetextError):
        say(f"foretext: {error}")
        return error.exit_code
    kind = type(error).__name__
    say(f"foretext: this is a bug in foretext: {kind}: {error} (--debug shows where)".replace("\n", " "))
    return 1


def _as_ours(error: Exception) -> Exception:
    """The error as one of ours where it is the user's to mend: a full disk, a file that will not open, a bad flag."""
    from cyclopts import CycloptsError

    if isinstance(error, CycloptsError):
        from foretext.mistyped import mistyped

        words = [*(error.command_chain or ())]
        positionals = [name for command in COMMANDS if command.words == words for name in command.positionals]
        return UsageError(mistyped(error, positionals))
    if isinstance(error, OSError):
        return system_error(error) or error
    return error


def _dispatch(arguments: list[str]) -> int:
    """Parses the arguments and runs the command they name."""
    from foretext.progress import LogLines

    logging.basicConfig(level=logging.WARNING, format="%(message)s", handlers=[LogLines()])
    logging.getLogger("foretext").setLevel(logging.INFO)
    typed = _before_the_end(arguments)
    words = [argument for argument in typed if not argument.startswith("-")]
    whole = "--help-all" in typed
    arguments = ["--help" if word == "--help-all" else word for word in typed] + arguments[len(typed) :]
    if words:
        from foretext.flags import shielded

        arguments = shielded(arguments)
    application = _application(words, whole=whole)
    code = application(arguments, exit_on_error=False, print_error=False, result_action="return_value")
    return code if isinstance(code, int) else 0


def _before_the_end(arguments: list[str]) -> list[str]:
    """The arguments before "--", behind which there are no flags."""
    return arguments[: arguments.index("--")] if "--" in arguments else arguments


def _application(words: list[str], *, whole: bool = False) -> App:
    """The whole command line; only the command that `words` begin with is loaded, of the others there is a line."""
    from cyclopts import App, Group

    purposes = {purpose: Group(purpose, sort_key=place) for place, purpose in enumerate(get_args(Purpose))}
    app = App(
        name="foretext",
        help="Pre-train a Transformer decoder on text, fine-tune it on labelled tasks, use it.",
        version=_version,
        help_format="plaintext",
        help_epilogue="foretext COMMAND --help explains the flags that most people need, --help-all every one.",
        suppress_keyboard_interrupt=False,
    )
    app["--help"].group = app["--version"].group = Group("Flags", sort_key=len(purposes))
    groups: dict[str, App] = {}
    for place, command in enumerate(COMMANDS):
        first, parent = command.words[0], app
        panel: Group | None = purposes[command.purpose]
        if len(command.words) == 2:
            if first not in groups:
                groups[first] = _group(first, GROUPS[first].help, panel, place)
                app.command(groups[first])
            parent, panel = groups[first], None
        if command.words == words[: len(command.words)]:
            _register(parent, command, whole=whole)
        else:
            parent.command("foretext.cli:main", name=command.words[-1], help=command.help, group=panel, sort_key=place)
    return app


def _group(name: str, help: str, panel: Group | None, place: int) -> App:
    """The first word of commands of two."""
    from cyclopts import App

    epilogue = f"foretext {name} COMMAND --help explains its flags, with an example."
    return App(name=name, help=help, version_flags=(), help_epilogue=epilogue, group=panel, sort_key=place)


def _register(app: App, command: Command, *, whole: bool) -> None:
    """Adds a command with all its flags; `whole` says that the help shows each of them."""
    from foretext.flags import command_line, hidden

    settings = command.settings
    call = command_line(
        settings,
        lambda given: _run(command, settings, given),
        positionals=command.positionals,
        help=command.help,
        whole=whole,
    )
    epilogue = f"Example: {command.example}"
    if not whole and (more := len(hidden(settings, command.positionals))):
        epilogue += f"\n\n{more} more flags: foretext {command.name} --help-all shows them all."
    app.command(call, name=command.words[-1], help_epilogue=epilogue)


def _run(command: Command, settings: type[Settings], given: Given) -> int:
    """Resolves the settings, calls the recipe and shows its result."""
    from foretext.settings import resolve

    preset = given.preset or os.environ.get("FORETEXT_PRESET")
    presets = settings.PRESETS
    if preset and presets and preset not in presets:
        raise UnknownName("preset", preset, presets)
    _refuse_unknown_variables(settings)
    resolved = resolve(
        settings,
        preset=presets.get(preset or ""),
        preset_name=preset or "",
        toml=given.settings,
        environment=os.environ,
        flags=given.leaves,
    )
    if given.print_settings:
        print(resolved.to_toml(), end="")
        return 0
    result = command.function(resolved.value)
    if result is not None:
        _show(result, as_json=given.json)
    return result.exit_code if isinstance(result, Verdict) else 0


def _show(result: Result, *, as_json: bool) -> None:
    import json

    if as_json:
        print(json.dumps(result.to_json(), ensure_ascii=not writes_any_letter()))
    else:
        for line in result.lines():
            print(line)


def _refuse_unknown_variables(settings: type[Settings]) -> None:
    """Refuses a FORETEXT_ variable that no command knows: most likely it is misspelt.

    Raises:
        UnknownName: with the nearest variable there is.
    """
    from foretext.settings import PREFIX, RESERVED, leaves

    def variables(classes: Sequence[type[Settings]]) -> set[str]:
        return {leaf.variable for cls in classes for leaf in leaves(cls).values() if leaf.variable}

    set_here = {name for name in os.environ if name.startswith(PREFIX)} - RESERVED - {"FORETEXT_PRESET"}
    unknown = set_here - variables([settings])
    if unknown:
        known = variables([command.settings for command in COMMANDS])
        for name in sorted(unknown - known):
            raise UnknownName("setting in the environment", name, known)


def _version() -> str:
    from importlib.metadata import version

    return version("foretext")


if __name__ == "__main__":
    sys.exit(main())
