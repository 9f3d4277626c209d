"""What tests of several rooms share."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings

from foretext.evaluation.report import Picture, Section
from foretext.training.plan import Plan
from foretext.training.settings import LoopSettings, OptimizerSettings

settings.register_profile("patient", deadline=None)  # how long an example takes on a busy machine says nothing
settings.load_profile("patient")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--kills", type=int, default=50, help="how often processes are killed in tests/faults")
    parser.addoption("--long", action="store_true", help="all texts and code points for imported tokenizers")


def pytest_configure(config: pytest.Config) -> None:
    """Has signals do what they do to a program at a terminal: a shell's `&` and nohup start programs deaf to some."""
    for deaf in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGUSR1, signal.SIGUSR2):
        if signal.getsignal(deaf) is signal.SIG_IGN:
            signal.signal(deaf, signal.default_int_handler if deaf == signal.SIGINT else signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_SETMASK, ())


_DRAW = Section.figure


@pytest.fixture(scope="session", autouse=True)
def plain_pages() -> Iterator[None]:
    """Pages hold an empty picture for each figure: to draw those of a small run takes longer than the run."""

    def empty(self: Section, figure: object, caption: str, description: str) -> Section:
        return self._add(Picture("data:,", "data:,", caption, description))

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Section, "figure", empty)
        yield


@pytest.fixture
def drawn(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pages with all their figures, for the tests that look at them or have something odd drawn."""
    monkeypatch.setattr(Section, "figure", _DRAW)


def planned(**values: Any) -> Plan:
    """A plan with the defaults of the settings but for `values`; unless these say more, of no updates."""
    run = {"updates": 0, "learning_rate": 1e-3, "schedule": lambda update: 1.0, "seed": 0, "validate_every": 0}
    return Plan.of(OptimizerSettings(), LoopSettings(), **{**run, "language_model_weight": 0.5, **values})


@pytest.fixture(scope="session")
def plan() -> Callable[..., Plan]:
    """What makes a plan with the defaults of the settings but for the values it is given."""
    return planned


@pytest.fixture(scope="session")
def real_data() -> Path:
    """The folder of real books and tasks; tests that need it are skipped where FORETEXT_DATA names none."""
    folder = os.environ.get("FORETEXT_DATA")
    if not folder:
        pytest.skip("FORETEXT_DATA names no folder of real data")
    return Path(folder)
