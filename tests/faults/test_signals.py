"""What ends a run from outside ends it well: it says so by its exit code, and goes on to the same bits."""

from __future__ import annotations

import pytest

from .points import a_point
from .runs import differences, ends_well, speaks_plainly
from .works import WORKS

SHELL_SHOWS = {"SIGINT": 130, "SIGTERM": 143, "SIGHUP": 129}
POINTS = {"pretrain": 3, "finetune": 1}  # of each signal
RUNS = [(name, number) for name, points in POINTS.items() for number in range(points)]


@pytest.mark.parametrize(("name", "number"), RUNS)
@pytest.mark.parametrize("signal", SHELL_SHOWS)
def test_a_run_that_a_signal_ends_goes_on_to_the_same_bits(signal, name, number, foretext, undisturbed, new_folder):
    work, whole, folder = WORKS[name], undisturbed(name), new_folder()
    fault = a_point(whole.ended.events, number, signal, seed=f"{name} {signal}")
    stopped = foretext(folder, work.arguments(folder), fault=fault)
    assert stopped.faulted, fault
    assert stopped.code == SHELL_SHOWS[signal] or differences(whole.folder, folder) == [], f"{fault}: {stopped.told()}"
    speaks_plainly(stopped)
    ends_well(foretext(folder, work.arguments(folder)))
    assert differences(whole.folder, folder, extra_checkpoint=True) == [], f"after {fault}"


@pytest.mark.parametrize("number", range(2))
@pytest.mark.parametrize("signal", ["SIGUSR1", "SIGUSR2"])
def test_a_run_that_is_warned_goes_on_to_the_same_bits(signal, number, foretext, undisturbed, new_folder):
    work, whole, folder = WORKS["pretrain"], undisturbed("pretrain"), new_folder()
    fault = a_point(whole.ended.events, number, signal, seed=signal)
    ended = foretext(folder, work.arguments(folder), fault=fault)
    assert ended.faulted, fault
    ends_well(ended)
    assert [line for line in differences(whole.folder, folder) if "checkpoints/" not in line] == [], f"after {fault}"


@pytest.mark.parametrize("signal", SHELL_SHOWS)
@pytest.mark.parametrize("name", ["prepare", "learn-tokenizer", "predict"])
def test_what_a_signal_ends_leaves_nothing_half_made(signal, name, foretext, undisturbed, new_folder):
    work, whole, folder = WORKS[name], undisturbed(name), new_folder()
    fault = a_point(whole.ended.events, 0, signal, seed=f"{name} {signal}")
    stopped = foretext(folder, work.arguments(folder), fault=fault)
    assert stopped.code == SHELL_SHOWS[signal], f"{fault}: {stopped.told()}"
    speaks_plainly(stopped)
    ends_well(foretext(folder, work.arguments(folder)))
    assert differences(whole.folder, folder) == [], f"after {fault}"
