"""The command line: what is typed runs a command of `commands.py`; and how that ends, well, badly or interrupted.

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
import threading
import traceback
from collections.abc import Sequence
from contextlib import nullcontext
from typing import TYPE_CHECKING, Any, NoReturn, get_args

from foretext.commands import COMMANDS, GROUPS, Command, Purpose, Result, Verdict
from foretext.disk import system_error
from foretext.errors import ForetextError, OthersFailed, SettingsError, Stopped, UnknownName, UsageError
from foretext.signals import ENDING, WARNING, end_at_once, heard, ignore
from foretext.started import command_starts
from foretext.streams import ready_streams, say, writes_any_letter

if TYPE_CHECKING:
    from cyclopts import App, Group

    from foretext.flags import Given
    from foretext.settings import Settings

_typed: list[str] = []  # the command line at hand
GARBAGE_THRESHOLDS = (100_000, 50, 100)  # new objects before the young ones are looked through; rounds before the older


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs one command and returns the exit code; results on stdout, progress and errors on stderr."""
    code = _main(arguments)
    if arguments is None and (_shared_its_work() or threading.active_count() > 1):
        _end_without_taking_apart(code)
    return code


def _end_without_taking_apart(code: int) -> NoReturn:
    """Ends the process after all that was left for its end, except that Python and torch are not taken apart.

    A thread in torch, or one of gloo's that lets go of a tensor, aborts the process while Python is taken apart, after
    all its work is done (pytorch/pytorch#179291). Threads that Python waits for are waited for here, too, unless what
    they were at was shared with processes that are gone.
    """
    if not (code and _shared_its_work()):
        threading._shutdown()  # type: ignore[attr-defined]
    atexit._run_exitfuncs()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


def _shared_its_work() -> bool:
    """Whether this process has worked with others."""
    group = sys.modules.get("foretext.group")
    return group is not None and bool(group.was_joined())


def _end_at_once(number: int, frame: Any) -> None:
    """Ends the work by an exception, unless it ends already by what another process says."""
    group = sys.modules.get("foretext.group")
    if group is None or not group.has_failed_elsewhere():
        end_at_once(number, frame)


def _main(arguments: Sequence[str] | None) -> int:
    if arguments is None:
        _collect_less_garbage()
        command_starts()
    arguments = list(sys.argv[1:] if arguments is None else arguments)
    _typed[:] = arguments
    debug = "--debug" in _before_the_end(arguments) or os.environ.get("FORETEXT_DEBUG", "0") not in ("", "0")
    if "stdout" in ready_streams():
        say("foretext: standard output is closed; what belongs there is lost")
    try:
        with heard(ENDING, _end_at_once, unless_ignored=ENDING), heard(WARNING, ignore):
            code = _dispatch(arguments)
            sys.stdout.flush()
        return code
    except OthersFailed as error:
        return error.exit_code
    except KeyboardInterrupt as error:
        _say(f"{str(error) or 'interrupted'}")
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
        _say(str(error))
        return error.exit_code
    kind = type(error).__name__
    _say(f"this is a bug in foretext: {kind}: {error} (--debug shows where)".replace("\n", " "))
    return 1


def _say(text: str) -> None:
    """Says how the work ended, for all processes that shared it."""
    from foretext.group import all_is_said, where

    say(f"foretext: {where()}{text}")
    all_is_said()


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
    return _work(command, resolved.value, as_json=given.json)


def _work(command: Command, settings: Settings, *, as_json: bool) -> int:
    """Does the work of a command, in all processes that were started for it, and shows its result once.

    Raises:
        SettingsError: several were started, and the command works in one.
    """
    from foretext.group import WAIT_SECONDS, joined
    from foretext.launched import launched
    from foretext.progress import quiet

    loop, launch = getattr(settings, "loop", None), launched()
    if loop is not None and loop.devices > 1 and launch.world == 1:
        from foretext.starting import start

        return start(_typed, loop.devices, restarts=loop.max_restarts)
    if launch.decided and command.shared and launch.rank == 0:
        logging.getLogger(__name__).info(launch.decided)
    if launch.world > 1:
        os.environ.setdefault("TORCH_CPP_LOG_LEVEL", "ERROR")  # of a process that goes, it tells in screens of frames
    if launch.rank:
        logging.disable()
    with joined(launch, wait_seconds=getattr(loop, "wait_seconds", WAIT_SECONDS)):
        if launch.world > 1 and not command.shared:
            raise SettingsError(f"foretext {command.name} works in one process, and {launch.world} were started")
        with quiet() if launch.rank else nullcontext():
            result = command.function(settings)
        if result is not None and launch.rank == 0:
            _show(result, as_json=as_json)
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
