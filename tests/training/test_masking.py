"""Masked next-token prediction: what is hidden, by what rule, and its loss against the definition written out."""

from __future__ import annotations

import dataclasses
import json
import math

import numpy as np
import pytest
import torch

from foretext.batch import NO_BLANK, Batch, pack
from foretext.model.gpt import GPT
from foretext.model.sequences import Sequences
from foretext.model.settings import ModelSettings
from foretext.training.masking import Masking
from foretext.training.objectives import Counts, LanguageModelling, language_model_loss
from foretext.training.state import State, Window

MASK = 32  # the extract token of a vocabulary of 30
HALF = Masking(windows=2, batch=4, begins=0, updates=100, rate=0.15, rate_end=0.15, seed=7, mask=MASK)
STILL = dict.fromkeys(("embedding_dropout", "attention_dropout", "residual_dropout"), 0.0)


def windows(count: int, length: int = 41, seed: int = 0) -> Batch:
    drawn = np.random.default_rng(seed).integers(0, 30, (count, length))
    return Batch(drawn.ravel(), np.full(count, length), np.arange(count))


def rows(batch: Batch) -> list[tuple[list[int], list[int]]]:
    count = batch.sequence_count
    return [
        (one.tolist(), other.tolist())
        for one, other in zip(batch.tokens.reshape(count, -1), batch.blanks.reshape(count, -1), strict=True)
    ]


def test_a_mask_hides_a_share_of_the_tokens_of_some_windows_and_the_rest_is_as_it_was():
    given = windows(4)
    made = HALF.of(given, 3)
    assert (made.with_blanks, made.lengths.tolist()) == (2, [41] * 4)
    originals = [list(row) for row in given.tokens.reshape(4, 41)]
    restored = [[b if b != NO_BLANK else t for t, b in zip(*row, strict=True)] for row in rows(made)]
    assert sorted(restored) == sorted(originals)
    for number, (tokens, blanks) in enumerate(rows(made)):
        hidden = [place for place, blank in enumerate(blanks) if blank != NO_BLANK]
        assert hidden == [place for place, token in enumerate(tokens) if token == MASK]
        assert len(hidden) == (6 if number >= 2 else 0)  # 15 % of the 40 that have one before them
        assert 0 not in hidden


def test_what_is_hidden_stays_the_same_from_version_to_version():
    made = HALF.of(windows(4), 3)
    assert np.flatnonzero(made.blanks != NO_BLANK).tolist() == [92, 93, 94, 98, 107, 111, 136, 143, 147, 149, 150, 162]


@pytest.mark.parametrize("world", [2, 3, 4])
def test_it_follows_from_seed_update_and_row_and_not_from_the_processes(world):
    """Nor from how evenly these share the windows."""
    whole, masking = windows(8), dataclasses.replace(HALF, windows=3, batch=8)
    shares, each = [], whole.split(1)
    for rank in range(world):
        mine = each[8 * rank // world : 8 * (rank + 1) // world]
        part = Batch(np.concatenate([one.tokens for one in mine]), np.full(len(mine), 41), np.arange(len(mine)))
        shares += rows(masking.of(part, 5, rank=rank, world=world))
    assert sorted(shares) == sorted(rows(masking.of(whole, 5)))


def test_every_update_order_seed_and_row_hides_other_tokens():
    alike = Batch(np.tile(np.arange(41) % 30, 4), np.full(4, 41), np.arange(4))
    of_all = dataclasses.replace(HALF, windows=4)
    made = [
        *rows(of_all.of(alike, 0)),
        *rows(of_all.of(alike, 1)),
        *rows(of_all.of(alike, 0, order=1)),
        *rows(dataclasses.replace(of_all, seed=8).of(alike, 0)),
    ]
    assert len({tuple(tokens) for tokens, _ in made}) == 16


def test_every_place_but_the_first_is_hidden_as_often():
    many = Batch(np.zeros(8 * 2_000, dtype=np.int64), np.full(2_000, 8), np.arange(2_000))
    made = dataclasses.replace(HALF, windows=2_000, batch=2_000, rate=0.3, rate_end=0.3).of(many, 0)
    often = (made.blanks != NO_BLANK).reshape(2_000, 8).mean(0)
    assert often[0] == 0
    np.testing.assert_allclose(often[1:], 2 / 7, atol=5 * math.sqrt(2 / 7 * 5 / 7 / 2_000))


def test_masked_windows_lie_evenly_among_the_rows():
    masking = dataclasses.replace(HALF, windows=2, batch=8)
    shares = [masking.of(part, 0, rank=rank, world=2).with_blanks for rank, part in enumerate(windows(8).split(4))]
    assert shares == [1, 1]


def test_before_they_begin_nothing_is_hidden_and_the_share_hidden_falls_evenly():
    late = dataclasses.replace(HALF, begins=50, rate=0.3, rate_end=0.1)
    given = windows(4)
    assert late.of(given, 49) is given
    assert late.of(given, 50).with_blanks == 2
    assert [round(late.rate_at(update), 4) for update in (50, 74, 99)] == [0.3, 0.202, 0.1]
    hidden = [int((late.of(given, update).blanks != NO_BLANK).sum()) for update in (50, 99)]
    assert hidden == [2 * 12, 2 * 4]


def test_one_token_at_least_is_hidden():
    made = dataclasses.replace(HALF, rate=0.01, rate_end=0.01).of(windows(4, length=2), 0)
    assert made.blanks.reshape(4, 2)[2:, 1].min() >= 0


SETTINGS = ModelSettings(vocabulary=30, context=41, layers=2, width=32, heads=2, initial_deviation=0.2)


def written_out(model: GPT, tokens: list[int], blanks: list[int], *, causal: bool) -> torch.Tensor:
    """The mean of −log P over what is to be predicted, from the state one place earlier."""
    states = model(Sequences.of(pack([[tokens]]), attend="causal" if causal else "both")).states
    logs = (states @ model.embedding[:30].T).log_softmax(-1)
    targets = enumerate(tokens[1:]) if causal else ((p - 1, b) for p, b in enumerate(blanks) if b != NO_BLANK)
    return -torch.stack([logs[place, target] for place, target in targets]).mean()


def test_the_loss_is_the_mean_over_blanks_one_place_earlier_then_over_windows():
    model = GPT(SETTINGS, seed=3).double().eval()
    made = HALF.of(windows(4), 3)
    losses = LanguageModelling(model)(Sequences.of(made), Counts(4, 4, with_blanks=2))
    each = [written_out(model, *row, causal=number < 2) for number, row in enumerate(rows(made))]
    torch.testing.assert_close(losses["causal_loss"], torch.stack(each[:2]).mean().detach(), rtol=0, atol=1e-12)
    torch.testing.assert_close(losses["masked_loss"], torch.stack(each[2:]).mean().detach(), rtol=0, atol=1e-12)
    torch.testing.assert_close(losses["loss"], torch.stack(each).mean(), rtol=0, atol=1e-12)


@pytest.mark.parametrize("masked", [2, 4])
@pytest.mark.parametrize("size", [1, 3])
def test_parts_of_a_batch_add_up_to_its_losses_and_gradients(size, masked):
    model = GPT(SETTINGS, seed=3).double().eval()
    made, counts = dataclasses.replace(HALF, windows=masked).of(windows(4), 3), Counts(4, 4, with_blanks=masked)
    found = []
    for parts in ([made], made.split(size)):
        model.zero_grad()
        losses = [LanguageModelling(model)(Sequences.of(part), counts) for part in parts]
        sum(each["loss"] for each in losses).backward()
        sums = {name: sum(float(each[name].detach()) for each in losses) for name in losses[0]}
        found.append((sums, torch.cat([weight.grad.flatten() for weight in model.parameters()])))
    assert found[1][0] == pytest.approx(found[0][0], abs=1e-12)
    assert found[0][0].keys() == {"loss", "masked_loss", *({"causal_loss"} if masked < 4 else set())}
    torch.testing.assert_close(found[1][1], found[0][1], rtol=0, atol=1e-12)


def test_no_state_depends_on_what_is_hidden():
    """Windows that differ in hidden tokens alone are read alike, so that these cannot be known but by guessing."""
    given = windows(4)
    made = HALF.of(given, 3)
    other = dataclasses.replace(given, tokens=given.tokens.copy())
    rows_of_masked = [1, 3]  # the second of each two
    for row, (_, blanks) in zip(rows_of_masked, rows(made)[2:], strict=True):
        places = np.flatnonzero(np.array(blanks) != NO_BLANK)
        other.tokens.reshape(4, -1)[row, places] = (other.tokens.reshape(4, -1)[row, places] + 1) % 30
    altered = HALF.of(other, 3)
    assert altered.tokens.tolist() == made.tokens.tolist()
    assert ((altered.blanks != made.blanks) == (made.blanks != NO_BLANK)).all()


SHORT = ModelSettings(vocabulary=30, context=8, layers=1, width=32, heads=2, initial_deviation=0.2, **STILL)


def learned(leaks: bool) -> tuple[float, float]:
    """The last causal and masked losses of a short training on fresh random tokens."""
    model = GPT(SHORT, seed=1)
    adam, parts = torch.optim.Adam(model.parameters(), 1e-2), []
    objective, masking = (
        LanguageModelling(model),
        dataclasses.replace(HALF, windows=16, batch=32, rate=0.3, rate_end=0.3),
    )
    for update in range(150):
        made = masking.of(windows(32, length=8, seed=update), update)
        if leaks:
            made = dataclasses.replace(made, tokens=np.where(made.blanks != NO_BLANK, made.blanks, made.tokens))
        losses = objective(Sequences.of(made), Counts(32, 32, with_blanks=16))
        parts.append((float(losses["causal_loss"]), float(losses["masked_loss"])))
        adam.zero_grad()
        losses["loss"].backward()
        adam.step()
    causal, masked = np.mean(parts[-30:], axis=0)
    return float(causal), float(masked)


def test_nothing_of_fresh_random_tokens_is_learned_but_to_guess():
    """No text is seen twice, so that what a loss falls by is what leaks, as it does where tokens are not hidden."""
    assert min(learned(leaks=False)) > math.log(30) - 0.02
    assert learned(leaks=True)[1] < math.log(30) - 0.3


def test_l1_has_no_target_in_a_window_that_is_read_both_ways():
    model = GPT(SETTINGS, seed=3).double().eval()
    made = dataclasses.replace(HALF, windows=4).of(windows(4), 3)
    sequences = Sequences.of(made)
    assert float(language_model_loss(model(sequences), sequences, Counts(4, 4, 4), rows=30).detach()) == 0


def test_a_line_of_the_log_has_the_mean_over_the_updates_that_had_the_loss():
    """Here masked windows begin with the third of four updates."""
    window = Window()
    for number in range(4):
        losses = {"loss": torch.tensor(4.0 + number)}
        if number >= 2:
            losses["masked_loss"] = torch.tensor(6.0 + number)
        window.add(losses)
        window.close_update(torch.tensor(1.0), 0.1)
    line = window.line(State(update=4))
    assert (line["loss"], line["masked_loss"]) == (5.5, 8.5)
    again = Window()
    again.restore(json.loads(json.dumps(window.kept())), State(), torch.device("cpu"))
    assert again.line(State(update=4))["masked_loss"] == 8.5


def lesson(update: int, rank: int = 0, world: int = 1) -> Batch:
    """Rows in which each token is the one before and three, soon learned, but for one in the middle that is drawn."""
    random = np.random.default_rng([update, rank, world])
    starts = random.integers(0, 30, (4, 2))
    made = np.concatenate([(starts[:, :1] + 3 * np.arange(4)) % 30, (starts[:, 1:] + 3 * np.arange(4)) % 30], axis=1)
    return Batch(made.ravel(), np.full(4, 8), np.arange(4))


@pytest.fixture
def masked_run(trainer):
    """A run that has learned this lesson when masked windows begin, in the middle of ten updates."""

    def make(folder, *, begins=195, **values):
        made = trainer(folder, updates=300, batch=lesson, schedule=lambda update: min(1.0, (update + 1) / 10), **values)
        masking = Masking(windows=4, batch=4, begins=begins, updates=300, rate=0.3, rate_end=0.3, seed=7, mask=MASK)
        return dataclasses.replace(made, plan=dataclasses.replace(made.plan, masking=masking))

    return make


def test_the_watch_takes_masked_windows_that_begin_for_no_trouble(masked_run, tmp_path):
    state = masked_run(tmp_path / "run", watch="act").run()
    lines = [json.loads(line) for line in (tmp_path / "run" / "metrics.jsonl").read_text().splitlines()]
    losses = {line["update"]: line for line in lines if "loss" in line}
    assert losses[200]["masked_loss"] > 1.5 * losses[190]["loss"]
    assert "masked_loss" not in losses[194]
    assert (state.watch.alarms, state.watch.left_out, state.watch.record().sound) == (0, 0, True)


def test_without_beginning_anew_it_would(masked_run, tmp_path, monkeypatch):
    monkeypatch.setattr("foretext.training.guard.Guard.begin_anew", lambda self: None)
    state = masked_run(tmp_path / "run", watch="warn").run()
    assert state.watch.alarms + state.watch.outside > 0
