"""The script `run`: finds a Python that works, sets up once, and says what is missing."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent

# Stands for every interpreter: notes how it was called, makes a .venv whose Python is itself, and as pip does it leaves
# what it built beside the sources.
FAKE_PYTHON = """#!/bin/sh
echo "$0 $*" >>"$CALLS"
case "$*" in
*"version(\\"torch\\")"*) exit 1 ;;
"-m venv .venv") mkdir -p .venv/bin && cp "$0" .venv/bin/python ;;
*"pip install"*./models/*)
    for to in build small.egg-info; do mkdir -p models/small/$to && cp run models/small/$to; done ;;
esac
"""
BROKEN_SHIM = "#!/bin/sh\necho 'pyenv: command not found' >&2\nexit 127\n"


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A folder with the script and what it reads, and a bin/ with nothing but the tools it uses."""
    for name in ("run", "pyproject.toml", "constraints.txt"):
        shutil.copy(ROOT / name, tmp_path / name)
    (tmp_path / "models" / "small").mkdir(parents=True)
    (tmp_path / "models" / "small" / "pyproject.toml").write_text("[project]\n")
    (tmp_path / "bin").mkdir()
    for tool in ("sh", "dirname", "cat", "cksum", "find", "sort", "mkdir", "cp"):
        place = shutil.which(tool)
        assert place is not None
        (tmp_path / "bin" / tool).symlink_to(place)
    return tmp_path


def interpreter(project: Path, name: str, text: str = FAKE_PYTHON) -> None:
    path = project / "bin" / name
    path.write_text(text)
    path.chmod(0o755)


def run(project: Path, *arguments: str) -> tuple[int, str, list[str]]:
    """Exit code, what was said, and how the interpreters were called."""
    calls = project / "calls"
    calls.write_text("")
    done = subprocess.run(
        [project / "run", *arguments],
        capture_output=True,
        text=True,
        env={"PATH": str(project / "bin"), "CALLS": str(calls), "HOME": os.environ.get("HOME", "/")},
        timeout=60,
    )
    return done.returncode, done.stdout + done.stderr, calls.read_text().splitlines()


def test_a_shim_that_does_not_run_is_passed_over(project: Path) -> None:
    interpreter(project, "python3.13", BROKEN_SHIM)
    interpreter(project, "python3.12")
    code, said, calls = run(project, "setup")
    assert code == 0, said
    assert "making .venv with python3.12" in said
    assert any(call.endswith("python3.12 -m venv .venv") for call in calls)


def test_without_python_it_says_what_to_install(project: Path) -> None:
    interpreter(project, "python3", BROKEN_SHIM)
    code, said, _ = run(project, "setup")
    assert code == 2
    assert "no Python 3.11 or newer" in said
    assert "apt install python3" in said
    assert not (project / ".venv").exists()


def test_set_up_installs_package_and_models_with_the_pinned_versions(project: Path) -> None:
    interpreter(project, "python3")
    _, _, calls = run(project, "setup")
    installs = [call.split("pip install ")[1] for call in calls if "pip install" in call]
    assert installs == [
        "--quiet --constraint constraints.txt torch==2.13.0+cpu",
        "--quiet --constraint constraints.txt --editable .",
        "--quiet --no-deps --force-reinstall ./models/small",
    ]


def test_set_up_does_nothing_twice_until_something_changes(project: Path) -> None:
    interpreter(project, "python3")
    run(project, "setup")
    assert run(project, "setup")[2] == []
    (project / "models" / "small" / "weights").write_text("new")
    assert any("--editable ." in call for call in run(project, "setup")[2])


def test_set_up_for_tests_serves_the_demo_as_well(project: Path) -> None:
    interpreter(project, "python3")
    run(project, "test")
    code, _, calls = run(project, "demo", "--out", "here")
    assert code == 0
    assert [call.split(".venv/bin/python ")[1] for call in calls] == ["-m foretext demo --out here"]


def test_an_unknown_command_shows_the_usage(project: Path) -> None:
    code, said, calls = run(project, "tset")
    assert code == 2
    assert "no command called 'tset'" in said
    assert "./run test" in said
    assert calls == []
