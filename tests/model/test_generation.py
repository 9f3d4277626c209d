"""Drawing text: limits are kept, seeds decide, and the context may run full."""

from __future__ import annotations

import pytest
import torch

from foretext.errors import SettingsError
from foretext.model.generation import _draw, generate
from foretext.model.gpt import GPT
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


def test_generation_goes_on_past_the_context_and_follows_its_seed():
    model = GPT(ModelSettings(vocabulary=20, context=8, layers=1, width=16, heads=2))
    one = list(generate(model, [1, 2], tokens=20, seed=4))
    assert one == list(generate(model, [1, 2], tokens=20, seed=4))
    assert one != list(generate(model, [1, 2], tokens=20, seed=5))
    assert len(one) == 20
    assert max(one) < 20


def test_an_empty_prompt_is_refused():
    model = GPT(ModelSettings(vocabulary=20, context=8, layers=1, width=16, heads=2))
    with pytest.raises(SettingsError, match="prompt"):
        next(generate(model, [], tokens=1))
