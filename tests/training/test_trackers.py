"""Logs of other programs: they have what metrics.jsonl has, once, and no run depends on them."""

from __future__ import annotations

import json
import re
import struct
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from types import ModuleType, SimpleNamespace

import pytest

from foretext.checkpoints.run_metrics import RunMetrics
from foretext.errors import SettingsError
from foretext.training import trackers as module
from foretext.training.trackers import Trackers, numbers, require_trackers, tracking

event_pb2 = pytest.importorskip("tensorboardX.proto.event_pb2")
SETTINGS = {"updates": 12, "loop": {"device": "cpu", "log_to": ["tensorboard"]}}


def events(run: Path) -> Iterator:
    """What stands in the files of TensorBoard: records of a length, its checksum, an event and its checksum."""
    for file in sorted((run / "tensorboard").iterdir()):
        content, at = file.read_bytes(), 0
        while at < len(content):
            (length,) = struct.unpack_from("<Q", content, at)
            yield event_pb2.Event.FromString(content[at + 12 : at + 12 + length])
            at += 16 + length


def drawn(run: Path) -> list[tuple[int, str, float]]:
    return sorted(
        (event.step, value.tag, value.simple_value)
        for event in events(run)
        for value in event.summary.value
        if value.WhichOneof("value") == "simple_value"
    )


def logged(run: Path) -> list[tuple[int, str, float]]:
    lines = RunMetrics(run / "metrics.jsonl").lines()
    as_float32 = [
        (line["update"], name, struct.unpack("f", struct.pack("f", value))[0])
        for line in lines
        for name, value in numbers(line).items()
    ]
    return sorted(as_float32)


def losses() -> Iterator[dict[str, float]]:
    while True:
        yield {"loss": 2.5}


def trained(trainer, run: Path, **options) -> None:
    made = trainer(run, validate=lambda: next(losses()), **options)
    with tracking(["tensorboard"], run, SETTINGS) as followers:
        replace(made, folder=replace(made.folder, follower=followers)).run()


class TestTensorBoard:
    def test_it_has_every_line_once_and_the_settings(self, trainer, tmp_path):
        trained(trainer, tmp_path)
        assert drawn(tmp_path) == logged(tmp_path)
        assert {(6, "valid_loss", 2.5), (12, "valid_loss", 2.5)} <= set(drawn(tmp_path))
        described = b"".join(event.SerializeToString() for event in events(tmp_path))
        assert b"loop/device" in described
        assert b"_hparams_/session_start_info" in described

    def test_a_run_that_was_cut_off_goes_on_in_it_without_a_step_twice(self, trainer, tmp_path, batch_at):
        def cut(update, rank, world):
            if update == 8:
                raise KeyboardInterrupt
            return batch_at(update, rank, world)

        with pytest.raises(KeyboardInterrupt):
            trained(trainer, tmp_path, batch=cut, log_every=1, checkpoint_every=3)
        before = drawn(tmp_path)
        assert max(step for step, _, _ in before) == 8
        trained(trainer, tmp_path, log_every=1, checkpoint_every=3, resume=True)
        assert drawn(tmp_path) == logged(tmp_path)
        assert len({(step, name) for step, name, _ in drawn(tmp_path)}) == len(drawn(tmp_path))
        assert [step for step, name, _ in drawn(tmp_path) if name == "learning_rate"] == list(range(1, 13))

    def test_a_run_that_was_begun_without_it_has_its_whole_history(self, trainer, tmp_path):
        trainer(tmp_path, updates=6).run()
        trained(trainer, tmp_path, resume=True)
        assert drawn(tmp_path) == logged(tmp_path)
        assert drawn(tmp_path)[0][0] == 2

    def test_what_a_run_that_goes_back_undoes_is_gone(self, tmp_path):
        with tracking(["tensorboard"], tmp_path, SETTINGS) as followers:
            metrics = RunMetrics(tmp_path / "metrics.jsonl", followers)
            metrics.forget_after(0)
            for update in (2, 4, 6):
                metrics.log({"update": update, "loss": float(update), "note": None, "watch": {"left_out": 1}})
            metrics.undo_after(4, tmp_path / "undone-1.jsonl", {"update": 4, "watch": {"went_back": 1}})
            metrics.forget_after(4)
            metrics.log({"update": 6, "loss": 0.5})
        assert drawn(tmp_path) == [(2, "loss", 2.0), (4, "loss", 4.0), (6, "loss", 0.5)]
        purges = [event.step for event in events(tmp_path) if event.session_log.status == 1]
        assert purges == [0]  # a TensorBoard that had read the three lines forgets them


class Service(ModuleType):
    """What trackio and wandb are to us."""

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.runs: list[SimpleNamespace] = []

    def init(self, **options) -> SimpleNamespace:
        run = SimpleNamespace(options=options, lines=[], finished=False)
        run.log = lambda values, step: run.lines.append((step, values))
        run.finish = lambda: setattr(run, "finished", True)
        print("a greeting on stdout")
        self.runs.append(run)
        return run


@pytest.fixture(params=["wandb", "trackio"])
def service(request, monkeypatch) -> Service:
    made = Service(request.param)
    monkeypatch.setitem(sys.modules, request.param, made)
    monkeypatch.delenv("WANDB_MODE", raising=False)
    return made


class TestServices:
    def steps(self, service: Service) -> list[list[int]]:
        return [[step for step, _ in run.lines] for run in service.runs]

    def test_a_run_goes_on_under_its_id_and_logs_no_step_twice(self, service, tmp_path, capsys):
        def follow(begin: int, end: int, *, cut: bool = False) -> None:
            with tracking([service.__name__], tmp_path, SETTINGS) as followers:
                metrics = RunMetrics(tmp_path / "metrics.jsonl", followers)
                metrics.forget_after(begin)
                for update in range(begin + 1, end + 1):
                    metrics.log({"update": update, "loss": 1.0})
                if cut:
                    followers.trackers.clear()  # as a process that is killed ends: nobody is told

        follow(0, 5, cut=True)
        follow(3, 4, cut=True)
        follow(3, 7)
        follow(7, 8)
        assert self.steps(service) == [[1, 2, 3, 4, 5], [], [6, 7], [8]]
        named = "id" if service.__name__ == "wandb" else "name"
        assert len({run.options[named] for run in service.runs}) == 1
        assert {run.options["resume"] for run in service.runs} == {"allow"}
        assert service.runs[0].options["config"] == SETTINGS
        assert [run.finished for run in service.runs] == [False, False, True, True]
        assert capsys.readouterr().out == ""

    def test_a_run_that_goes_back_is_another_one_there(self, service, tmp_path):
        with tracking([service.__name__], tmp_path, SETTINGS) as followers:
            metrics = RunMetrics(tmp_path / "metrics.jsonl", followers)
            metrics.forget_after(0)
            for update in (1, 2, 3):
                metrics.log({"update": update, "loss": 9.0})
            metrics.undo_after(1, tmp_path / "undone-1.jsonl", {"update": 1, "watch": {"went_back": 1}})
            metrics.forget_after(1)
            metrics.log({"update": 2, "loss": 1.0})
        assert self.steps(service) == [[1, 2, 3], [1, 2]]
        first, second = (run.options for run in service.runs)
        assert first["name"] != second["name"]

    def test_nothing_is_sent_unless_that_is_asked_for(self, service, tmp_path, monkeypatch):
        def mode() -> str | None:
            with tracking([service.__name__], tmp_path, SETTINGS) as followers:
                followers.begin([], 0)
            return service.runs[-1].options.get("mode")

        assert mode() == ("offline" if service.__name__ == "wandb" else None)
        monkeypatch.setenv("WANDB_MODE", "online")
        assert mode() == ("online" if service.__name__ == "wandb" else None)
        assert not {"space_id", "server_url"} & service.runs[0].options.keys()


def test_a_tracker_that_fails_is_left_out_and_that_is_said_once(trainer, tmp_path, caplog):
    class Broken:
        def __getattr__(self, name):
            raise OSError("no room")

    made = trainer(tmp_path)
    state = replace(made, folder=replace(made.folder, follower=Trackers({"wandb": Broken()}))).run()
    assert state.update == 12
    assert len(RunMetrics(tmp_path / "metrics.jsonl").lines()) == 6
    assert [record.getMessage() for record in caplog.records if "wandb" in record.getMessage()] == [
        "wandb: no room; the run goes on without it, metrics.jsonl has all"
    ]


@pytest.mark.parametrize(
    ("name", "line"),
    [("tensorboard", "'foretext[trackers]'"), ("trackio", "pip install trackio"), ("wandb", "pip install wandb")],
)
def test_what_is_not_installed_is_refused_with_what_to_install(name, line, monkeypatch):
    monkeypatch.setattr(module, "find_spec", lambda package: None)
    with pytest.raises(SettingsError, match=re.escape(line)):
        require_trackers([name])


def test_a_run_without_trackers_loads_none():
    program = "import sys, foretext.training.trackers, foretext.recipes.pretrain; print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout.split()
    assert not {"tensorboardX", "tensorboard", "wandb", "trackio", "lightning_fabric"} & set(loaded)


def test_numbers_of_a_line_are_those_that_can_be_drawn():
    line = {"update": 3, "loss": 1, "norm": None, "bad": float("nan"), "watch": {"at": 1}, "flag": True, "word": "x"}
    assert numbers(line) == {"loss": 1.0}
    assert json.dumps(numbers(line)) == '{"loss": 1.0}'


@pytest.mark.slow
def test_the_lines_of_the_page_train_with_a_log_that_is_there(tmp_path: Path):
    root = Path(__file__).parents[2]
    page = (root / "docs" / "trackers.md").read_text(encoding="utf-8")
    lines = re.findall(r"```sh\n(.*?)```", page, re.DOTALL)[0].splitlines()
    install, train, show = (line.split("#")[0].split() for line in lines)
    extras = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))["project"]["optional-dependencies"]
    assert install == ["pip", "install", "-e", "'.[trackers]'"]
    assert [name.split(">")[0] for name in extras["trackers"]] == ["tensorboardX"]
    assert train[0] == "foretext"
    (tmp_path / "examples").symlink_to(root / "examples")
    quick = ["--epochs", "1", "--least-updates", "0", "--device", "cpu"]
    command = [sys.executable, "-m", "foretext", *train[1:], *quick]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert show[:2] == ["tensorboard", "--logdir"]
    assert drawn(tmp_path / show[2]) == logged(tmp_path / show[2])
