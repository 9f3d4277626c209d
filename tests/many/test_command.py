"""`--devices N` on the command line: real processes, one result, one message."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import pytest

from foretext.checkpoints.run_folder import RunFolder
from foretext.checkpoints.saved_model import load_model

SHAPE = "--layers 1 --width 16 --heads 2 --context 16 --batch 5 --updates 4 --warmup 1 --device cpu --precision fp32"


HANDLED = ["--signals-to-handle", "SIGTERM,SIGINT,SIGHUP,SIGUSR1", "--shutdown-timeout", "120"]
TORCHRUN = [
    "-m",
    "torch.distributed.run",
    "--standalone",
    "--nproc-per-node",
    "2",
    "--local-addr",
    "127.0.0.1",
    *HANDLED,
]


def foretext(place: Path, *words: str, by: Sequence[str] = ()) -> subprocess.CompletedProcess[str]:
    """How a command ends, which a launcher may start."""
    return subprocess.run(
        [sys.executable, *by, "-m", "foretext", *words],
        cwd=place,
        env={**os.environ, "OMP_NUM_THREADS": "1", "FORETEXT_PROGRESS": "off"},
        capture_output=True,
        text=True,
        timeout=600,
    )


def begun(place: Path, corpus: Path, *words: str, by: Sequence[str] = ()) -> subprocess.Popen[str]:
    """A long run in two processes that has written a checkpoint."""
    long = SHAPE.replace("--updates 4", "--updates 300").split()
    command = ["pretrain", str(corpus), *long, "--checkpoint-every", "20", "--out", "run", *words]
    process = subprocess.Popen(
        [sys.executable, *by, "-m", "foretext", *command, "--validate-every", "1000"],
        cwd=place,
        env={**os.environ, "OMP_NUM_THREADS": "1", "FORETEXT_PROGRESS": "off"},
        stderr=subprocess.PIPE,
        text=True,
    )
    end = time.monotonic() + 300
    while not RunFolder(place / "run").checkpoints.names():
        assert time.monotonic() < end
        assert process.poll() is None, process.communicate()
        time.sleep(0.05)
    return process


@pytest.mark.slow
def test_a_killed_process_costs_the_updates_since_the_last_checkpoint(corpus: Path, tmp_path: Path):
    process = begun(tmp_path, corpus, "--devices", "2", "--max-restarts", "1", "--log-every", "1")
    holder = json.loads((tmp_path / "run" / ".lock").read_text())
    os.kill(holder["pid"], signal.SIGKILL)
    _, said = process.communicate(timeout=600)
    assert process.returncode == 0, said
    assert "process 0 was killed by SIGKILL; all start again from the last checkpoint (1 of 1)" in said
    lines = [json.loads(line) for line in (tmp_path / "run" / "metrics.jsonl").read_text().splitlines()]
    assert [line["update"] for line in lines if "loss" in line] == list(range(1, 301))


@pytest.mark.slow
def test_a_signal_to_the_command_makes_one_checkpoint_and_ends_all(corpus: Path, tmp_path: Path):
    process = begun(tmp_path, corpus, "--devices", "2")
    process.send_signal(signal.SIGTERM)
    _, said = process.communicate(timeout=600)
    assert process.returncode == 143
    assert said.count("a checkpoint is written: go on with --resume") == 1


@pytest.mark.slow
def test_a_signal_to_torchrun_makes_one_checkpoint_and_ends_all(corpus: Path, tmp_path: Path):
    process = begun(tmp_path, corpus, by=TORCHRUN)
    process.send_signal(signal.SIGTERM)
    _, said = process.communicate(timeout=600)
    assert process.returncode
    assert said.count("a checkpoint is written") == 1
    assert RunFolder(tmp_path / "run").checkpoints.latest() is not None


@pytest.mark.slow
def test_the_summary_of_torchrun_has_the_cause(tmp_path: Path):
    done = foretext(tmp_path, "pretrain", "none", *SHAPE.split(), "--out", "run", by=TORCHRUN)
    assert done.returncode
    assert "none is no prepared corpus: there is no such folder" in done.stderr.partition("Root Cause")[2]
    assert done.stderr.count("foretext: ") == 1


def test_two_processes_make_one_model_and_say_it_once(corpus: Path, tmp_path: Path):
    done = foretext(tmp_path, "pretrain", str(corpus), *SHAPE.split(), "--devices", "2", "--out", "run")
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("model saved in run") == 1
    assert done.stderr.count("departs from the paper in pre-training") == 1
    history = load_model(tmp_path / "run").history.pretraining
    assert history is not None
    assert history.engine.processes == 2


def test_what_all_of_them_refuse_is_said_once(tmp_path: Path):
    done = foretext(tmp_path, "pretrain", "none", *SHAPE.split(), "--devices", "2", "--out", "run")
    assert done.returncode == 2
    assert [line for line in done.stderr.splitlines() if line.startswith("foretext: ")] == [
        line for line in done.stderr.splitlines() if "none" in line
    ]
    assert done.stderr.count("foretext: ") == 1
    assert "Traceback" not in done.stderr
    assert not (tmp_path / "run").exists()
