"""Drawing text: limits are kept, seeds decide, and the context may run full."""

from __future__ import annotations

import pytest
import torch

from foretext.batch import pack
from foretext.errors import SettingsError
from foretext.model.generation import Reader, _draw, generate
from foretext.model.gpt import BACKBONES, GPT
from foretext.model.sequences import Sequences
from foretext.model.settings import ModelSettings

LOGITS = torch.log(torch.tensor([0.1, 0.5, 0.15, 0.25]))


def draws(**limits):
    settings = {"temperature": 1.0, "top_k": 0, "top_p": 1.0, **limits}
    generator = torch.Generator().manual_seed(0)
    return [_draw(LOGITS, generator=generator, **settings) for _ in range(300)]


def test_ids_are_drawn_as_often_as_they_are_likely():
    shares = [draws().count(i) / 300 for i in range(4)]
    assert shares == pytest.approx([0.1, 0.5, 0.15, 0.25], abs=0.09)  # three deviations of the share 0.5


@pytest.mark.parametrize(
    ("limits", "left"),
    [({"temperature": 0}, {1}), ({"top_k": 2}, {1, 3}), ({"top_p": 0.7}, {1, 3}), ({"top_p": 0.5}, {1})],
)
def test_only_the_likeliest_are_left_to_draw_from(limits, left):
    assert set(draws(**limits)) == left


@pytest.mark.parametrize("temperature", [1e-300, 1e-40, 2e-38, 1e-30])
def test_a_temperature_near_0_takes_the_likeliest(temperature):
    generator = torch.Generator().manual_seed(0)
    assert {_draw(100 * LOGITS, temperature, 0, 1.0, generator) for _ in range(20)} == {1}


def test_generation_goes_on_past_the_context_and_follows_its_seed():
    model = GPT(ModelSettings(vocabulary=20, context=8, layers=1, width=16, heads=2))
    one = list(generate(model, [1, 2], tokens=20, seed=4))
    assert one == list(generate(model, [1, 2], tokens=20, seed=4))
    assert one != list(generate(model, [1, 2], tokens=20, seed=5))
    assert len(one) == 20
    assert max(one) < 20


@pytest.mark.parametrize("backbone", BACKBONES)
def test_what_is_kept_of_earlier_tokens_gives_the_logits_of_a_pass_over_all_of_them(backbone, enlarged):
    """Read in pieces of 3, 1, 1 and 4 tokens; float64 has 16 digits."""
    model = enlarged(
        ModelSettings(backbone=backbone, vocabulary=20, context=9, layers=2, width=16, heads=2, lstm_units=24)
    )
    ids = [3, 1, 4, 1, 5, 9, 2, 6, 5]
    reader, first = Reader(model), 0
    for size in (3, 1, 1, 4):
        logits = reader.next_logits(ids[first : first + size])
        first += size
        with torch.no_grad():
            hidden = model(Sequences.of(pack([[ids[:first]]])))
            whole = (hidden.states[-1] @ hidden.matrix[:20].T).float()
        torch.testing.assert_close(logits, whole, rtol=0, atol=1e-6)  # the logits are float32


def test_generated_ids_are_those_of_passes_over_all_tokens():
    """Over three fillings of the context, whose older half is dropped each time."""
    model = GPT(
        ModelSettings(vocabulary=20, context=8, layers=2, width=16, heads=2, initial_deviation=0.5), seed=3
    ).eval()
    seen, expected = [1, 2], []
    for _ in range(20):
        if len(seen) > 8:
            seen = seen[-4:]
        with torch.no_grad():
            hidden = model(Sequences.of(pack([[seen]])))
        expected.append(int((hidden.states[-1] @ hidden.matrix[:20].T).argmax()))
        seen = [*seen, expected[-1]]
    assert list(generate(model, [1, 2], tokens=20, temperature=0)) == expected
    assert len(set(expected)) > 2


def test_an_empty_prompt_is_refused():
    model = GPT(ModelSettings(vocabulary=20, context=8, layers=1, width=16, heads=2))
    with pytest.raises(SettingsError, match="prompt"):
        next(generate(model, [], tokens=1))
