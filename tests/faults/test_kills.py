"""Whatever kills a process, the same command again ends as if nothing had: to the bit, and with nothing left over."""

from __future__ import annotations

import random

import pytest

from .planted import Fault
from .points import a_kill
from .runs import KILLED, differences, ends_well
from .works import WORKS

# Of 50 kills: those of runs come in pairs, the second when the run has been resumed.
KILLS_OF_50 = {
    "test_a_run_killed_while_it_writes_ends_with_the_same_bits": {"pretrain": 12, "finetune": 12},
    "test_a_run_killed_at_any_moment_ends_with_the_same_bits": {"pretrain": 6, "finetune": 6},
    "test_a_file_killed_while_it_is_made_is_made_whole_by_the_same_command": {
        "prepare": 5,
        "learn-tokenizer": 4,
        "predict": 5,
    },
}


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    of_50 = KILLS_OF_50[metafunc.function.__name__]
    kills = {name: round(count * metafunc.config.getoption("--kills") / 50) for name, count in of_50.items()}
    tests = {name: count // 2 if WORKS[name].is_a_run else count for name, count in kills.items()}
    metafunc.parametrize(("name", "number"), [(name, number) for name in tests for number in range(tests[name])])


def test_a_run_killed_while_it_writes_ends_with_the_same_bits(name, number, foretext, undisturbed, new_folder):
    work, whole, folder = WORKS[name], undisturbed(name), new_folder()
    fault = a_kill(whole.ended.events, number, seed=name)
    first = foretext(folder, work.arguments(folder), fault=fault)
    assert first.code == KILLED, f"{fault}: {first.told()}"
    again = Fault("SIGKILL", random.Random(number).randint(1, len(whole.again.events)))
    second = foretext(folder, work.arguments(folder), fault=again)
    assert second.code == KILLED, f"{fault}, then {again}: {second.told()}"
    ends_well(foretext(folder, work.arguments(folder)))
    assert differences(whole.folder, folder) == [], f"after {fault}, then {second.events[-2:]}"


def test_a_run_killed_at_any_moment_ends_with_the_same_bits(name, number, foretext, undisturbed, new_folder):
    work, whole, draw = WORKS[name], undisturbed(name), random.Random(f"{name} {number}")
    seconds, killed = whole.ended.seconds * draw.random(), None
    while killed is None or killed.code != KILLED:  # what was measured on a busy machine may be over sooner
        folder = new_folder()
        killed = foretext(folder, work.arguments(folder), killed_after=seconds)
        seconds *= 0.7
    again = Fault("SIGKILL", draw.randint(1, len(whole.again.events)))
    second = foretext(folder, work.arguments(folder), fault=again)
    assert second.code == KILLED, f"{again}: {second.told()}"
    ends_well(foretext(folder, work.arguments(folder)))
    assert differences(whole.folder, folder) == [], f"after {killed.events[-2:]}, then {second.events[-2:]}"


def test_a_file_killed_while_it_is_made_is_made_whole_by_the_same_command(
    name, number, foretext, undisturbed, new_folder
):
    work, whole, folder = WORKS[name], undisturbed(name), new_folder()
    fault = a_kill(whole.ended.events, number, seed=name)
    killed = foretext(folder, work.arguments(folder), fault=fault)
    assert killed.code == KILLED, f"{fault}: {killed.told()}"
    again = foretext(folder, work.arguments(folder))
    if again.code != 2 or "already" not in again.said:  # it may have been whole when the process was killed
        ends_well(again)
    assert differences(whole.folder, folder) == [], f"after {fault}"
