"""The loops that benchmarks run: the defaults of ours are the program's, and they need few packages."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from foretext.model.settings import HeadSettings, ModelSettings
from foretext.training.settings import LoopSettings, OptimizerSettings

BENCHMARKS = Path(__file__).parents[1] / "benchmarks"
BLOCKED = {"pydantic", "ftfy", "cyclopts", "pyarrow", "rich", "sklearn", "scipy", "matplotlib", "jinja2"}
RUN_WITHOUT = """
import importlib.machinery, runpy, sys
class NotThere(importlib.machinery.PathFinder):
    @classmethod
    def find_spec(cls, name, path=None, target=None):
        return None if name.split(".")[0] in {blocked} else super().find_spec(name, path, target)
sys.meta_path = [NotThere if finder is importlib.machinery.PathFinder else finder for finder in sys.meta_path]
sys.path.insert(0, {benchmarks!r})
sys.argv = {argv!r}
"""


def run_without_packages(code: str, *argv: str) -> str:
    start = RUN_WITHOUT.format(blocked=BLOCKED, benchmarks=str(BENCHMARKS), argv=["gpu.py", *argv])
    done = subprocess.run([sys.executable, "-c", start + code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture
def loop(monkeypatch):
    monkeypatch.syspath_prepend(BENCHMARKS)
    import foretext_loop

    yield foretext_loop
    del sys.modules["foretext_loop"]


def test_the_plain_values_are_the_defaults_of_the_settings(loop):
    for plain, settings in (
        (vars(loop.Shape()), ModelSettings()),
        (loop.HEAD, HeadSettings()),
        (loop.OPTIMIZER, OptimizerSettings()),
        (loop.LOOP, LoopSettings()),
    ):
        assert plain == {name: getattr(settings, name) for name in plain}
    assert loop.Shape().rows == ModelSettings().rows
    assert loop.Shape().hidden == ModelSettings().hidden


def test_model_and_training_loop_are_imported_without_pydantic():
    run = "import foretext_loop, reference_loop, transformers_loop, importlib.util as found"
    said = run_without_packages(f"{run}; print(found.find_spec('pydantic'), found.find_spec('torch') is not None)")
    assert said == "None True\n"


@pytest.mark.slow
def test_the_gpu_benchmark_is_rehearsed_with_few_packages():
    run = f"runpy.run_path({str(BENCHMARKS / 'gpu.py')!r}, run_name='__main__')"
    said = json.loads(run_without_packages(run, "--dry-run", "--json", "--rounds", "1"))
    assert set(said["ratios"]) == {
        *("pretraining, both compiled", "pretraining, neither compiled"),
        *("finetuning", "finetuning, not compiled", "evaluation"),
    }
    assert all(ratio["median"] > 0 for ratio in said["ratios"].values())
