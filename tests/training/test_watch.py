"""The watch on a training: what is planted is left out, gone back from or stopped; a sound run is as without it."""

from __future__ import annotations

import dataclasses
import json
import math
from functools import partial

import numpy as np
import pytest
import torch

from foretext.batch import Batch
from foretext.errors import ForetextError, Stopped, UnsoundRun
from foretext.training.alarm import LEFT_OUT_IN_A_ROW
from foretext.training.band import LARGEST
from foretext.training.guard import Guard
from foretext.training.objectives import Counts
from foretext.training.schedules import warmup_cosine
from foretext.training.state import State
from foretext.training.watch import Watch
from foretext.training.watch_memory import Memory


def lesson(update: int, rank: int = 0, world: int = 1) -> Batch:
    """Rows in which each token is the one before and three, from a start that is drawn: soon learned."""
    starts = np.random.default_rng([update, rank, world]).integers(0, 30, (4, 1))
    return Batch(((starts + 3 * np.arange(8)) % 30).ravel(), np.full(4, 8), np.arange(4))


def reordered(order: int):
    return lambda update, rank, world: lesson(update + 10_000 * order, rank, world)


@pytest.fixture(scope="module")
def made(trainer):
    """What makes a trainer that learns this lesson, at an even rate."""

    def make(folder, *, updates=200, schedule=lambda update: min(1.0, (update + 1) / 10), **values):
        made = trainer(folder, **{"updates": updates, "batch": lesson, "checkpoint_every": 20, **values})
        plan = dataclasses.replace(made.plan, schedule=schedule, validate_every=20)
        return dataclasses.replace(
            made, plan=plan, reordered=reordered, origins=lambda update, order: [f"line {update} of {order}"]
        )

    return make


def weights(made):
    return {name: value.detach().clone() for name, value in made.objective.named_parameters()}


def same(one, other):
    return all(torch.equal(one[name], other[name]) for name in one)


def spoil(made, updates, change):
    """Has the gradients of these updates be changed before they are clipped, each once only."""
    left, clip, state = set(updates), made.optimizer.clip, made.state

    def clipped(largest):
        if state.update in left:
            left.discard(state.update)
            for parameter in made.objective.parameters():
                change(parameter.grad)
        return clip(largest)

    made.optimizer.clip = clipped
    return made


def events(made):
    return [line["watch"] for line in made.folder.metrics.lines() if "watch" in line]


@pytest.mark.parametrize(("precision", "optimizer"), [("fp32", "adam"), ("bf16", "adam"), ("fp32", "muon")])
def test_a_sound_run_has_the_same_bits_with_every_watch(made, precision, optimizer):
    found, updates = {}, 200 if (precision, optimizer) == ("fp32", "adam") else 100
    for mode in ("off", "warn", "act"):
        run = made(None, watch=mode, precision=precision, optimizer=optimizer, updates=updates)
        state = run.run()
        found[mode] = weights(run)
        assert (state.watch.left_out, state.watch.alarms, state.watch.order) == (0, 0, 0)
    assert same(found["off"], found["warn"])
    assert same(found["off"], found["act"])


@pytest.mark.parametrize("optimizer", ["adam", "muon"])
def test_an_update_that_is_left_out_changes_neither_weights_nor_moments_nor_their_count(made, optimizer):
    run = made(None, updates=61, optimizer=optimizer)
    before = {}

    def note_and_spoil(gradient):
        if not before:
            before["weights"] = weights(run)
            before["state"] = [
                {name: value.clone() for name, value in run.optimizer.state[parameter].items()}
                for parameter in run.objective.parameters()
            ]
        gradient.mul_(1e6)

    state = spoil(run, [60], note_and_spoil).run()
    assert state.watch.left_out == 1
    assert same(weights(run), before["weights"])
    for parameter, kept in zip(run.objective.parameters(), before["state"], strict=True):
        assert same(run.optimizer.state[parameter], kept)
        assert kept.get("step", 60) == 60  # of Muon's matrices nothing is counted


def held_out(made):
    """The loss over all rows that there are, without dropout."""
    rows = Batch(((np.arange(30)[:, None] + 3 * np.arange(8)) % 30).ravel(), np.full(30, 8), np.arange(30))
    made.objective.eval()
    with torch.no_grad():
        return float(made.objective(made.engine.sequences(rows), Counts(30, 30))["loss"])


FALLING = {"updates": 300, "schedule": partial(warmup_cosine, warmup=10, total=300)}


@pytest.fixture(scope="module")
def calm(made):
    """The held-out loss of a run to which nothing happens."""
    run = made(None, **FALLING)
    run.run()
    return held_out(run)


@pytest.mark.parametrize("value", [math.nan, math.inf, 1e9])
def test_a_spike_of_one_update_costs_less_than_a_hundredth_of_a_nat(made, calm, tmp_path, value):
    hit = made(tmp_path, **FALLING)
    state = spoil(hit, [150], lambda gradient: gradient.mul_(value)).run()
    assert abs(calm - held_out(hit)) < 0.01
    assert (state.watch.left_out, state.watch.alarms) == (1, 0)
    (event,) = events(hit)
    (entry,) = event["left_out"]
    assert (entry["update"], entry["from"], entry["windows"]) == (151, ["line 150 of 0"], 1)
    assert math.isfinite(entry["loss"])
    assert (entry["norm"] is None) == (not math.isfinite(value))


def test_the_lines_of_a_window_are_of_the_updates_that_were_kept(made, tmp_path):
    run = made(tmp_path, updates=80)
    spoil(run, [70, 71], lambda gradient: gradient.fill_(math.nan)).run()
    lines = {line["update"]: line for line in run.folder.metrics.lines() if "tokens" in line}
    assert "loss" not in lines[72]  # of its two updates neither was kept
    assert lines[72]["gradient_norm"] is None
    assert lines[72]["largest_gradient_norm"] is None
    assert math.isfinite(lines[74]["loss"])


def test_the_largest_norm_of_a_window_is_logged_beside_the_last(made, tmp_path):
    norms = []
    run = made(tmp_path, updates=20)
    clip = run.optimizer.clip
    run.optimizer.clip = lambda largest: norms.append(clip(largest)) or norms[-1]
    run.run()
    for line in run.folder.metrics.lines():
        pair = [float(norm) for norm in norms[line["update"] - 2 : line["update"]]]
        assert (line["gradient_norm"], line["largest_gradient_norm"]) == (pair[1], max(pair))


@pytest.mark.parametrize("optimizer", ["adam", "muon"])
def test_left_out_updates_in_a_row_send_the_run_back_to_a_checkpoint_from_before(made, tmp_path, caplog, optimizer):
    run = made(tmp_path, optimizer=optimizer)
    row = range(131, 131 + LEFT_OUT_IN_A_ROW)
    state = spoil(run, row, lambda gradient: gradient.fill_(math.nan)).run()
    assert state.update == 200
    (went,) = state.watch.went_back
    assert (went.update, went.to) == (140, 60)
    assert state.watch.left_out == 0  # those are undone
    undone = [json.loads(line) for line in (tmp_path / "undone-1.jsonl").read_text().splitlines()]
    assert [line["update"] for line in undone if "tokens" in line] == list(range(62, 140, 2))
    updates = [line["update"] for line in run.folder.metrics.lines() if "tokens" in line]
    assert updates == list(range(2, 201, 2))
    assert {"went_back": 1, "at": 140, "why": went.why} in events(run)
    assert "goes back to update 60 and goes on with another order of the data" in caplog.text


def test_weights_that_are_spoiled_in_the_midst_of_a_run_are_those_of_a_checkpoint_again(made, tmp_path):
    run = made(tmp_path)

    def break_weights(gradient):
        with torch.no_grad():
            run.objective.model.embedding.fill_(math.nan)

    state = spoil(run, [133], break_weights).run()
    assert [(went.update, went.to) for went in state.watch.went_back] == [(140, 80)]
    assert all(torch.isfinite(value).all() for value in weights(run).values())
    assert state.watch.record().sound is True


def test_a_loss_that_is_not_a_number_costs_its_update_alone(made, tmp_path):
    run = made(tmp_path, updates=80)
    forward, state = run.objective.forward, run.state

    def broken(sequences, counts):
        losses = forward(sequences, counts)
        return {name: value * math.nan if state.update == 40 else value for name, value in losses.items()}

    run.objective.forward = broken
    assert run.run().watch.left_out == 1
    assert all(torch.isfinite(value).all() for value in weights(run).values())
    assert all(math.isfinite(line["loss"]) for line in run.folder.metrics.lines() if "loss" in line)


def test_the_last_updates_before_patience_ends_are_looked_at_too(made, tmp_path):
    losses = iter([*range(20, 10, -1), 30.0, 40.0])
    run = made(tmp_path, patience=2, validate=lambda: {"loss": float(next(losses))})
    run = dataclasses.replace(run, plan=dataclasses.replace(run.plan, validate_every=7))
    state = spoil(run, [82], lambda gradient: gradient.fill_(math.nan)).run()
    assert state.update == 84
    (event,) = events(run)
    assert [found["update"] for found in event["left_out"]] == [83]
    assert state.watch.recent == []


def test_a_lone_update_that_is_left_out_at_the_end_does_not_make_a_run_unsound(made, tmp_path):
    run = made(tmp_path, updates=80)
    record = spoil(run, [79], lambda gradient: gradient.fill_(math.nan)).run().watch.record()
    assert (record.left_out, record.sound) == (1, True)
    row = made(None, updates=80)
    assert spoil(row, [78, 79], lambda gradient: gradient.fill_(math.nan)).run().watch.record().sound is False


@pytest.mark.parametrize("in_a_folder", [True, False])
def test_a_run_without_a_checkpoint_from_before_begins_again_with_the_weights_that_it_had(made, tmp_path, in_a_folder):
    run = made(tmp_path if in_a_folder else None, updates=40, checkpoint_every=100)
    begun = weights(run)
    seen, times = [], {}

    def look(batch_of):
        def batch(update, rank, world):
            if update == 0:
                seen.append(weights(run))
            return batch_of(update, rank, world)

        return batch

    def twice(gradient):
        times[run.state.update] = times.get(run.state.update, 0) + 1
        if times[run.state.update] <= 2:
            gradient.fill_(math.nan)

    clip = run.optimizer.clip
    parameter = next(iter(run.objective.parameters()))

    def clipped(largest):
        if 12 <= run.state.update < 18:
            twice(parameter.grad)
        return clip(largest)

    run.optimizer.clip = clipped
    run = dataclasses.replace(run, batch_at=look(lesson), reordered=lambda order: look(reordered(order)))
    state = run.run()
    assert [(went.update, went.to) for went in state.watch.went_back] == [(20, 0), (20, 0)]
    assert len(seen) == 3
    assert same(seen[1], begun)
    assert same(seen[2], begun)
    assert state.update == 40
    assert state.watch.rate == 0.5


def explodes(update):
    """A rate that is right for 150 updates and then rises by a twentieth in each."""
    return 1.0 if update < 150 else min(200.0, 1.05 ** (update - 150))


def test_a_slow_collapse_is_gone_back_from_twice_and_then_stopped(made, tmp_path):
    run = made(tmp_path, updates=400, schedule=explodes)
    with pytest.raises(UnsoundRun, match=r"^stopped at update .* gone back twice.*; a lower --learning-rate"):
        run.run()
    memory = run.state.watch
    assert memory.order == 3
    assert all(150 < went.update < 300 and went.to < went.update - 20 for went in memory.went_back)
    assert sorted(path.name for path in tmp_path.glob("undone-*")) == [f"undone-{k}.jsonl" for k in (1, 2, 3)]
    assert run.take_best() == run.state.update == memory.went_back[-1].to
    assert max(run.folder.checkpoints.updates()) == run.state.update
    losses = [line["loss"] for line in run.folder.metrics.lines() if "loss" in line]
    assert losses[-1] < 1.0  # what is left is from before

    again = made(tmp_path, updates=400, schedule=explodes, resume=True)
    with pytest.raises(UnsoundRun, match="stopped at update"):
        again.run()
    assert same(weights(again), weights(run))


class CutError(Exception):
    """Stands for a power cut."""


def cut_off(made, folder, *, at=0, times=0, **values):
    """A training that comes into trouble, cut off when the update `at` comes for so many times; without it, never."""
    left = [times]

    def cutting(batch_of):
        def batch(update, rank, world):
            if update == at:
                left[0] -= 1
                if left[0] == 0:
                    raise CutError
            return batch_of(update, rank, world)

        return batch

    trained = made(folder, updates=400, schedule=explodes, checkpoint_every=15, **values)
    return dataclasses.replace(trained, batch_at=cutting(lesson), reordered=lambda order: cutting(reordered(order)))


@pytest.fixture(scope="module")
def whole(made, tmp_path_factory):
    """That training, which nobody cut off."""
    run = cut_off(made, tmp_path_factory.mktemp("whole"))
    with pytest.raises(UnsoundRun):
        run.run()
    return run


@pytest.mark.slow
@pytest.mark.parametrize(("cut", "times"), [(49, 1), (128, 2), (187, 1), (187, 2), (187, 3), (203, 3)])
def test_a_run_cut_off_in_the_midst_of_trouble_ends_to_the_bit_as_one_that_was_not(made, whole, tmp_path, cut, times):
    """Whatever time the update comes by: the first, in another order, at half the rate."""
    with pytest.raises(CutError):
        cut_off(made, tmp_path, at=cut, times=times).run()
    resumed = cut_off(made, tmp_path, resume=True)
    with pytest.raises(UnsoundRun):
        resumed.run()
    assert same(weights(resumed), weights(whole))
    assert resumed.state.watch == whole.state.watch
    assert without_times(resumed) == without_times(whole)


def without_times(made):
    times = ("seconds", "tokens_per_second")
    return [{name: line[name] for name in line if name not in times} for line in made.folder.metrics.lines()]


def test_with_warn_all_is_said_and_nothing_is_done(made, tmp_path, caplog):
    off, warn = (made(tmp_path / mode, updates=400, schedule=explodes, watch=mode) for mode in ("off", "warn"))
    for run in (off, warn):
        spoil(run, [100], lambda gradient: gradient.mul_(1e3)).run()
    assert same(weights(off), weights(warn))
    assert events(off) == []
    assert any("alarm" in event for event in events(warn))
    assert any("outside" in event for event in events(warn))
    assert not any("left_out" in event for event in events(warn))
    assert warn.state.watch.left_out == 0
    assert "watch: at update" in caplog.text
    assert warn.state.watch.record().sound is False
    assert off.state.watch.record().sound is None


def outlying(mode):
    """A watch to which one of fifteen updates is not finite, five of them after its last look."""
    watch = Watch(mode, Memory(), torch.device("cpu"))
    for update in range(15):
        watch.judge(torch.tensor(math.nan if update in (4, 12) else 3.0), torch.tensor(1.0))
        if update == 9:
            watch.look(10)
    watch.note()
    return watch


@pytest.mark.parametrize(("before", "done"), [("act", 13), ("warn", 15), ("off", 15)])
@pytest.mark.parametrize("after", ["act", "warn", "off"])
def test_in_a_run_that_goes_on_with_another_watch_what_was_done_counts_as_done(before, done, after):
    memory = outlying(before).memory
    watch = Watch(after, memory, torch.device("cpu"))
    assert watch.done(15) == done
    record = memory.record()
    assert (record.left_out or 0, record.outside or 0) == (15 - done, 2 * (before == "warn"))
    if after != "off":
        seen = watch.look(15)
        assert [each.update for each in seen.left_out] == [13] * (before == "act")
        assert [each.update for each in seen.outside] == [13] * (before == "warn")
        assert watch.done(15) == done


def test_a_run_that_was_stopped_goes_on_where_the_watch_does_not_act():
    memory = Memory(mode="act", left_out=1, alarms=3, stopped="stopped at update 7")
    Watch("off", memory, torch.device("cpu"))
    assert (memory.record().stopped, memory.record().sound, memory.record().left_out) == (None, None, 1)


def test_after_updates_that_nobody_watched_the_band_begins_anew():
    watch = Watch("act", Memory(), torch.device("cpu"))
    for update in range(150):
        watch.judge(torch.tensor(3.0), torch.tensor(1.0))
        if update % 10 == 9:
            watch.look(update + 1)
    Watch("off", watch.memory, torch.device("cpu"))
    again = Watch("act", watch.memory, torch.device("cpu"))
    assert again.judge(torch.tensor(9.0), torch.tensor(90.0)) is None
    assert watch.memory.alarm.usual == []


@pytest.mark.parametrize("mode", ["off", "warn"])
def test_a_run_that_left_an_update_out_has_the_same_bits_when_it_goes_on_with_another_watch(made, tmp_path, mode):
    ends = {}
    for after in ("act", mode):
        folder = tmp_path / after
        spoil(made(folder, updates=80), [64], lambda gradient: gradient.fill_(math.nan)).run()
        went_on = made(folder, updates=120, resume=True, watch=after)
        went_on.run()
        ends[after] = weights(went_on)
        assert went_on.state.watch.record().left_out == 1
    assert same(ends["act"], ends[mode])


def test_a_part_of_a_batch_that_is_not_finite_costs_the_whole_update(made, tmp_path):
    run = made(tmp_path, updates=80, micro_batch=1)
    forward, calls, before = run.objective.forward, [], {}

    def broken(sequences, counts):
        calls.append(None)
        if len(calls) == 60 * 4 + 1:
            before.update(weights(run))
        if len(calls) == 61 * 4 + 1:
            assert same(before, weights(run))
        losses = forward(sequences, counts)
        return {name: value * math.nan for name, value in losses.items()} if len(calls) == 60 * 4 + 3 else losses

    run.objective.forward = broken
    assert run.run().watch.left_out == 1
    assert len(calls) == 80 * 4
    lines = [line for line in run.folder.metrics.lines() if "tokens" in line]
    assert all(math.isfinite(line["loss"]) for line in lines)


def test_a_run_that_is_to_stop_when_an_alarm_comes_goes_back_and_stops_there(made, tmp_path):
    def in_trouble(name, **values):
        row = range(131, 131 + LEFT_OUT_IN_A_ROW)
        return spoil(made(tmp_path / name, **values), row, lambda gradient: gradient.fill_(math.nan))

    whole, stopped = in_trouble("whole"), in_trouble("stopped")
    whole.run()
    clip = stopped.optimizer.clip

    def signalled(largest):
        if stopped.state.update == 139:
            stopped.requests.signal = 15
        return clip(largest)

    stopped.optimizer.clip = signalled
    with pytest.raises(Stopped, match="after update 60; a checkpoint is written: go on with --resume"):
        stopped.run()
    resumed = made(tmp_path / "stopped", resume=True)
    resumed.run()
    assert same(weights(resumed), weights(whole))
    assert resumed.state.watch == whole.state.watch
    assert without_times(resumed) == without_times(whole)


@pytest.mark.parametrize("mode", ["off", "warn"])
def test_without_the_watch_acting_a_loss_that_is_not_finite_stops_the_run(made, mode):
    run = made(None, watch=mode)
    with torch.no_grad():
        run.objective.model.embedding.fill_(math.nan)
    with pytest.raises(ForetextError, match="no longer a finite number at update 2; a lower --learning-rate"):
        run.run()


def test_weights_that_are_not_finite_from_the_start_stop_a_run_that_has_nothing_to_save(made, tmp_path):
    run = made(tmp_path)
    with torch.no_grad():
        run.objective.model.embedding.fill_(math.nan)
    with pytest.raises(ForetextError, match="not finite; .* lower --learning-rate"):
        run.run()
    assert run.take_best() is None


def test_a_checkpoint_from_before_any_trouble_is_always_kept(made, tmp_path):
    run = made(tmp_path, updates=200, checkpoint_every=10, keep_checkpoints=1)
    seen = []
    save = run.folder.checkpoints.__class__.save

    def saved(checkpoints, parts, state, **values):
        save(checkpoints, parts, state, **values)
        seen.append((state["update"], checkpoints.updates()))

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(run.folder.checkpoints.__class__, "save", saved)
        run.run()
    assert len(seen) == 20
    for update, kept in seen[:-1]:
        assert len(kept) <= 3
        if update > 80:
            assert any(update - 140 <= other <= update - 60 for other in kept)
    assert seen[-1] == (200, [200])


def test_the_answer_is_a_tensor_that_an_accelerator_need_not_wait_for():
    """On the meta device nothing has a value, so to read one is an error."""
    watch = Watch("act", Memory(), torch.device("cpu"))
    watch.device = torch.device("meta")
    watch._limits = torch.empty(2, device="meta")
    for update in range(9):
        answer = watch.judge(torch.empty((), device="meta"), torch.empty((), device="meta"))
        assert answer.device.type == "meta"
        assert watch.done(update) == update


def test_what_a_checkpoint_keeps_of_the_watch_comes_back():
    watch = Watch("act", Memory(), torch.device("cpu"))
    for update in range(75):
        watch.judge(torch.tensor(math.nan if update == 70 else 3.0), torch.tensor(1 / (update + 1)))
        if update % 10 == 9:
            watch.look(update + 1)
    watch.note()
    state = State(update=75, watch=watch.memory)
    kept = json.loads(json.dumps(state.to_json(), allow_nan=False))
    again = State()
    again.restore(kept)
    assert again == state
    assert Watch("act", again.watch, torch.device("cpu")).done(75) == 74
    assert again.watch.recent[0] == [LARGEST, pytest.approx(1 / 71), 1.0]


def test_many_origins_are_counted_in_the_log_and_listed_in_the_metrics(caplog, tmp_path, made):
    run = made(tmp_path)
    guard = Guard(mode="act", folder=run.folder, origins=lambda update, order: [f"shard, {k}" for k in range(100)])
    state = State()
    guard.take_up(state, torch.device("cpu"))
    guard.judge(torch.tensor(math.nan), torch.tensor(1.0))
    state.update = 10
    assert guard.look(state, last=False) == ""
    assert "update 10 is left out: its loss or its gradient is not finite; it read shard, 0; " in caplog.text
    assert "; shard, 2 and 97 more" in caplog.text
    (entry,) = events(run)[0]["left_out"]
    assert (entry["windows"], len(entry["from"])) == (100, 64)
