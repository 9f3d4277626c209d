"""How threads wait beside others who compute: when they sleep, when they spin again, and that they then do."""

from __future__ import annotations

import itertools
import os
import subprocess
import sys
from collections.abc import Callable
from types import SimpleNamespace

import pytest

from foretext import neighbours
from foretext.model.generation import Reader
from foretext.model.gpt import GPT
from foretext.model.settings import ModelSettings
from foretext.neighbours import CONVINCED, LONGEST, QUIET, SHORTEST, STARVED, Waiting
from foretext.processes import cores
from foretext.training.engine import Engine
from foretext.training.objectives import LanguageModelling

BESIDE, ALONE = 0.5, 0.02  # shares of a window in line for a core, as measured beside a neighbour and without
# Each step ends with threads that have nothing more to do; what they spin away meanwhile is processor time. The sum is
# large enough for two threads and so small that it takes a tenth of what they spin, on a slow machine too.
SPUN = """
import time, torch
from foretext.neighbours import Crowd, teams_needed
values = torch.arange(1 << 17, dtype=torch.float32)

def spun():
    began, total = time.process_time(), 0.0
    for _ in range(20):
        total += float(values.sin().sum())
        time.sleep(0.03)
    return time.process_time() - began, total

spun()
alone, before = spun()
crowd = Crowd(teams_needed())
time.sleep(0.2)
crowded, beside = spun()
crowd.leave()
time.sleep(0.2)
again, after = spun()
print(alone, crowded, again, before == beside == after)
"""


def windows(waiting: Waiting, in_line: float, count: int) -> list[bool]:
    return [waiting.after(in_line) for _ in range(count)]


def test_threads_sleep_once_they_have_stood_in_line_for_some_windows_in_a_row():
    waiting = Waiting()
    assert windows(waiting, STARVED, 50) == [False] * 50
    assert windows(waiting, BESIDE, CONVINCED) == [False] * (CONVINCED - 1) + [True]


def test_a_single_window_in_line_changes_nothing():
    waiting = Waiting()
    for _ in range(20):
        assert windows(waiting, BESIDE, CONVINCED - 1) + windows(waiting, ALONE, 1) == [False] * CONVINCED


def test_threads_spin_again_as_soon_as_the_neighbour_is_gone():
    waiting = Waiting()
    windows(waiting, BESIDE, CONVINCED)
    assert windows(waiting, QUIET, 3) == [True] * 3
    assert windows(waiting, ALONE, 50) == [False] * 50


def test_beside_a_neighbour_that_stays_spinning_is_tried_ever_more_rarely():
    waiting = Waiting()
    slept = windows(waiting, BESIDE, 10 * LONGEST)
    tries = [index for index in range(1, len(slept)) if slept[index - 1] and not slept[index]]
    pauses = [later - earlier - CONVINCED for earlier, later in itertools.pairwise(tries)]
    assert pauses == sorted(pauses)
    assert pauses[0] == 2 * SHORTEST
    assert pauses[-1] == LONGEST
    assert slept[-LONGEST:].count(False) <= CONVINCED


def test_a_neighbour_after_a_quiet_while_is_met_with_a_short_pause():
    waiting = Waiting()
    windows(waiting, BESIDE, 10 * LONGEST)
    windows(waiting, ALONE, 50)
    windows(waiting, BESIDE, CONVINCED)
    assert waiting.pause == SHORTEST


@pytest.mark.parametrize("name", neighbours.OWN_SETTINGS)
def test_a_user_who_has_chosen_how_threads_wait_is_obeyed(name: str, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("torch.get_num_threads", lambda: 2)
    monkeypatch.setattr(neighbours, "cores", lambda: 2)
    monkeypatch.setattr(neighbours, "_gnu_openmp", lambda: True)
    for other in neighbours.OWN_SETTINGS:
        monkeypatch.delenv(other, raising=False)
    assert neighbours.teams_needed() == 1
    monkeypatch.setenv(name, "1000")
    assert neighbours.teams_needed() == 0


@pytest.mark.parametrize(("threads", "available"), [(2, 2), (2, 8), (3, 8), (5, 8), (8, 8), (64, 64)])
def test_teams_are_as_few_as_outnumber_the_cores(threads: int, available: int, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("torch.get_num_threads", lambda: threads)
    monkeypatch.setattr(neighbours, "cores", lambda: available)
    monkeypatch.setattr(neighbours, "_gnu_openmp", lambda: True)
    for name in neighbours.OWN_SETTINGS:
        monkeypatch.delenv(name, raising=False)
    teams = neighbours.teams_needed()
    counted = threads + teams * (threads - 1)  # a team's leader is not one of the library's threads
    assert counted > available
    assert counted - (threads - 1) <= available


@pytest.mark.parametrize(("threads", "available"), [(1, 2), (4, 2)])
def test_one_thread_and_more_threads_than_cores_are_left_alone(
    threads: int, available: int, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("torch.get_num_threads", lambda: threads)
    monkeypatch.setattr(neighbours, "cores", lambda: available)
    monkeypatch.setattr(neighbours, "_gnu_openmp", lambda: True)
    assert neighbours.teams_needed() == 0


@pytest.mark.skipif(sys.platform != "linux" or cores() < 2, reason="GNU's OpenMP with two cores")
def test_among_another_team_threads_hardly_spin_and_compute_the_same():
    environment = {name: value for name, value in os.environ.items() if name not in neighbours.OWN_SETTINGS}
    environment["OMP_NUM_THREADS"] = "2"
    done = subprocess.run([sys.executable, "-c", SPUN], capture_output=True, text=True, check=True, env=environment)
    alone, crowded, again, same = done.stdout.split()
    assert same == "True"
    assert float(crowded) < float(alone) / 2
    assert float(crowded) < float(again) / 2


def test_the_watcher_ends_with_its_process():
    program = "from foretext import neighbours as n; import torch; n.share_cores(); print(n._watcher is not None)"
    environment = {name: value for name, value in os.environ.items() if name not in neighbours.OWN_SETTINGS}
    environment["OMP_NUM_THREADS"] = "2"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, env=environment, timeout=600)
    assert (done.returncode, done.stderr) == (0, "")


def evaluates(model: GPT) -> None:
    with model.evaluating():
        pass


def trains(model: GPT) -> None:
    plan = SimpleNamespace(recompute=False, compile="no")
    Engine.start("cpu", "fp32").arrange(LanguageModelling(model), plan)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("work", "place"), [(trains, "training.engine"), (evaluates, "model.gpt"), (Reader, "model.generation")]
)
def test_whatever_computes_on_a_cpu_shares_its_cores(
    work: Callable[[GPT], object], place: str, monkeypatch: pytest.MonkeyPatch
):
    called: list[bool] = []
    monkeypatch.setattr(f"foretext.{place}.share_cores", lambda: called.append(True))
    work(GPT(ModelSettings(layers=1, width=8, heads=2, context=4, vocabulary=11)))
    assert called == [True]
