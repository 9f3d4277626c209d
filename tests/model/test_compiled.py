"""Layers that torch.compile has made into a program compute what they computed before."""

from __future__ import annotations

import pytest
import torch

from foretext.batch import pack
from foretext.model.gpt import GPT
from foretext.model.sequences import Sequences
from foretext.model.settings import HeadSettings, ModelSettings

pytestmark = pytest.mark.slow  # a compiler runs

STILL = dict.fromkeys(("embedding_dropout", "attention_dropout", "residual_dropout"), 0.0)

OTHER = {
    "norm": "rms",
    "norm_at": "before",
    "positions": "rotary",
    "query_key_norm": "rms",
    "activation": "swiglu",
    "key_heads": 1,
}
NEOX = {"norm_at": "before", "positions": "rotary", "rotary_share": 0.5, "branches": "beside", "output": "own"}


@pytest.fixture(autouse=True)
def afresh():
    torch._dynamo.reset()
    torch._dynamo.utils.counters.clear()


def gradients(gpt: GPT, *, compiled: bool) -> list[torch.Tensor]:
    if compiled:
        gpt.compile_layers()
    gpt.zero_grad()
    gpt(Sequences.of(pack([[[1, 2, 3, 4]], [[5, 6, 7, 8]]]))).states.square().sum().backward()
    return [parameter.grad for parameter in gpt.parameters()]


@pytest.mark.parametrize("form", [{}, OTHER, NEOX], ids=["paper's", "other", "NeoX"])
def test_one_program_serves_all_layers_and_the_gradients_are_the_same(form):
    gpt = GPT(ModelSettings(vocabulary=20, context=8, layers=3, width=16, heads=2, **form, **STILL), seed=1).double()
    for plain, compiled in zip(gradients(gpt, compiled=False), gradients(gpt, compiled=True), strict=True):
        torch.testing.assert_close(compiled, plain, rtol=0, atol=1e-10)
    assert torch._dynamo.utils.counters["stats"]["unique_graphs"] == 1


def test_dropout_of_a_compiled_layer_that_is_computed_again_is_the_same():
    gpt = GPT(ModelSettings(vocabulary=20, context=8, layers=2, width=16, heads=2), seed=1)
    found = []
    for again in (False, True):
        gpt.recompute = again
        torch.manual_seed(5)
        found.append([gradient.clone() for gradient in gradients(gpt, compiled=True)])
    for kept, again in zip(*found, strict=True):
        torch.testing.assert_close(again, kept)


@pytest.mark.parametrize("lengths", [[4, 4, 4], [6, 3]], ids=["alike", "padded"])
def test_a_compiled_layer_reads_both_ways_too(lengths: list[int]):
    settings = ModelSettings(vocabulary=20, context=8, layers=2, width=16, heads=2, **STILL)
    gpt = GPT(settings, HeadSettings(outputs=2, attend="both"), seed=1).double()
    rows = [[(5 * row + 3 * place) % 19 for place in range(length)] for row, length in enumerate(lengths)]
    other = [*rows[:-1], [*rows[-1][:-1], 19]]

    def states(sequences: list[list[int]]) -> torch.Tensor:
        return gpt(gpt.sequences(pack([[ids] for ids in sequences]))).states.detach()

    plain = states(rows)
    gpt.compile_layers()
    torch.testing.assert_close(states(rows), plain, rtol=0, atol=1e-10)
    first = -lengths[-1]  # of the last row, whose last token is another
    assert not torch.equal(states(other)[first], plain[first])
