"""The frame of the benchmarks: whose turn it is, ratios within a round, and how useful operations are counted."""

from __future__ import annotations

import importlib.util
import os
import signal
import sys
from pathlib import Path
from types import ModuleType

import pytest

from foretext.model.gpt import GPT
from foretext.model.settings import ModelSettings


@pytest.fixture(scope="module")
def rounds() -> ModuleType:
    file = Path(__file__).parents[1] / "benchmarks" / "rounds.py"
    spec = importlib.util.spec_from_file_location("rounds", file)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["rounds"] = module  # where its dataclasses look for their annotations
    spec.loader.exec_module(module)
    return module


def in_this_process(scale: int) -> dict[str, object]:
    """For `apart`, which finds it by its name: how often it was asked, and where."""
    turns: list[int] = []

    def answer(turn: int) -> tuple[int, int, int]:
        turns.append(turn)
        return scale * turn, len(turns), os.getpid()

    return {"one": answer, "other": answer}


def test_contenders_apart_share_a_process_that_is_not_this_one(
    rounds: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(str(Path(rounds.__file__ or "").parent))  # where that process looks for the frame
    contenders = rounds.apart(in_this_process, 10)
    assert list(contenders) == ["one", "other"]
    answers = [contenders["one"](3), contenders["other"](4)]
    assert [answer[:2] for answer in answers] == [(30, 1), (40, 2)]
    (process,) = {answer[2] for answer in answers}
    assert process != os.getpid()
    os.kill(process, signal.SIGKILL)  # as a system does that is short of memory
    with pytest.raises(SystemExit, match=r"process of one has ended in turn 5; perhaps memory"):
        contenders["one"](5)


def test_every_contender_has_a_turn_each_round_and_each_round_starts_with_another(rounds: ModuleType) -> None:
    turns: list[tuple[str, int]] = []

    def contender(name: str):  # type: ignore[no-untyped-def]
        def run(turn: int):  # type: ignore[no-untyped-def]
            turns.append((name, turn))
            return rounds.Work(1, seconds=1.0)

        return run

    rounds.measure({"a": contender("a"), "b": contender("b")}, rounds=2)
    assert turns == [("a", 0), ("b", 0), ("b", 1), ("a", 1), ("a", 2), ("b", 2)]


def test_a_ratio_is_that_of_two_speeds_of_one_round(rounds: ModuleType) -> None:
    """A machine twice as slow in its second round moves the speeds, not the ratio."""
    slowness = [1.0, 1.0, 2.0, 4.0]
    measured = rounds.measure(
        {
            "ours": lambda turn: rounds.Work(6, seconds=slowness[turn]),
            "theirs": lambda turn: rounds.Work(2, seconds=slowness[turn]),
        },
        rounds=3,
    )
    report = rounds.report("test", measured, unit="things/s", ratios={"gain": ("ours", "theirs")})
    assert report["speeds"]["ours"] == {"median": 3.0, "low": 1.5, "high": 6.0}
    assert report["ratios"]["gain"] == {"median": 3.0, "low": 3.0, "high": 3.0}


def test_operations_of_a_token_are_twice_the_matrix_weights_it_meets(rounds: ModuleType) -> None:
    """One token attends to itself alone: two products of `width` in each layer."""
    settings = ModelSettings(layers=3, width=8, heads=2, context=4, vocabulary=11)
    weights = sum(
        weight.numel() for name, weight in GPT(settings).named_parameters() if "blocks" in name and weight.dim() > 1
    )
    counted = rounds.forward_flops([1], layers=3, width=8)
    assert counted == 2 * weights + 3 * 2 * 2 * 8
    with_logits = rounds.forward_flops([1, 1], layers=3, width=8, logits=1, rows=11)
    assert with_logits == 2 * counted + 2 * 8 * 11
    assert rounds.training_flops([1], layers=3, width=8) == 3 * counted


def test_attention_of_a_sequence_counts_the_pairs_that_see_each_other(rounds: ModuleType) -> None:
    by_itself = rounds.forward_flops([1], layers=1, width=8)
    together, apart = rounds.forward_flops([3], layers=1, width=8), 3 * by_itself
    assert together - apart == 4 * 8 * (1 + 2 + 3 - 3)
