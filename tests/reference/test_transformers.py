"""Agreement with `transformers`' OpenAIGPT on random weights: states, logits, choice scores, both losses.

Its definitions depart from the paper's in three places, so that inputs are chosen where both say the same:

* It has no special tokens, and its softmax runs over its vocabulary alone. Ours runs over pieces, special tokens and
  positions in fine-tuning. So it is given a vocabulary of all rows of our matrix, and the same positions besides.
* Its language-model loss is the mean over all targets of a batch; ours over those of a sequence, then over sequences.
  With sequences of one length these are the same number.
* It hides the future by adding −10,000 to a score instead of −∞: in fp32 and fp64 either gives a weight of exactly 0.
"""

from __future__ import annotations

import numpy as np
import pytest
import torch

from foretext.batch import pack
from foretext.checkpoints.released_names import released_views
from foretext.model.gpt import GPT
from foretext.model.sequences import Sequences
from foretext.model.settings import HeadSettings, ModelSettings
from foretext.training.objectives import Counts, language_model_loss

transformers = pytest.importorskip("transformers")

# float32 has 7 digits, and states and logits lie within ±10; float64 has 16.
TOLERANCE = {torch.float32: 1e-5, torch.float64: 1e-12}

TOY = ModelSettings(vocabulary=50, context=16, layers=3, width=24, heads=4, initial_deviation=0.3)
PAPER = ModelSettings()
PRECISIONS = pytest.mark.parametrize("precision", [torch.float32, torch.float64], ids=["float32", "float64"])
SIZES = pytest.mark.parametrize(
    ("settings", "length"),
    [pytest.param(TOY, 16, id="toy"), pytest.param(PAPER, 40, id="paper", marks=pytest.mark.slow)],
)


def ours(settings: ModelSettings, precision: torch.dtype) -> GPT:
    """A model with one score a choice and no weight that is 0 or 1, so that a swap of any two would show."""
    gpt = GPT(settings, HeadSettings(combine="choose", outputs=1), seed=3)
    generator = torch.Generator().manual_seed(4)
    with torch.no_grad():
        for parameter in gpt.parameters():
            if parameter.dim() == 1:
                parameter += 0.1 * torch.randn(parameter.shape, generator=generator)
    return gpt.to(precision).eval()


def theirs(kind: str, gpt: GPT, *, all_rows: bool = False) -> torch.nn.Module:
    """The same weights in `transformers`; `all_rows` makes special tokens and positions part of its vocabulary."""
    settings = gpt.settings
    tensors = {f"transformer.{name}": view for name, view in released_views(gpt).items()}
    if all_rows:
        tensors["transformer.tokens_embed.weight"] = gpt.embedding.detach()
    tensors["lm_head.weight"] = tensors["transformer.tokens_embed.weight"]
    if kind == "OpenAIGPTDoubleHeadsModel":
        assert gpt.head is not None
        tensors["multiple_choice_head.summary.weight"] = gpt.head.linear.weight.detach()
        tensors["multiple_choice_head.summary.bias"] = gpt.head.linear.bias.detach()
    config = transformers.OpenAIGPTConfig(
        vocab_size=settings.rows if all_rows else settings.vocabulary,
        n_positions=settings.context,
        n_embd=settings.width,
        n_layer=settings.layers,
        n_head=settings.heads,
    )
    with torch.device("meta"):
        model = getattr(transformers, kind)(config)
    model = model.to_empty(device="cpu").to(gpt.embedding.dtype)
    model.load_state_dict(tensors)
    body = model.transformer
    with torch.no_grad():  # buffers are in no file
        body.position_ids.copy_(torch.arange(settings.context))
        for block in body.h:
            block.attn.bias.copy_(torch.ones_like(block.attn.bias).tril())
    return model.eval()


def draw(shape: tuple[int, ...], below: int) -> np.ndarray:
    return np.random.default_rng(8).integers(0, below, shape)


@SIZES
@PRECISIONS
def test_states_and_logits_are_those_of_the_language_model_of_transformers(settings, length, precision):
    gpt = ours(settings, precision)
    other = theirs("OpenAIGPTLMHeadModel", gpt)
    ids = draw((3, length), settings.vocabulary)
    with torch.no_grad():
        hidden = gpt(Sequences.of(pack([[row] for row in ids])))
        logits = hidden.states @ hidden.matrix[: settings.vocabulary].T
        wanted = other(torch.from_numpy(ids), output_hidden_states=True)
    states = wanted.hidden_states[-1].flatten(0, 1)
    assert states.abs().max() > 1  # the comparison is of something
    torch.testing.assert_close(hidden.states, states, rtol=0, atol=TOLERANCE[precision])
    torch.testing.assert_close(logits, wanted.logits.flatten(0, 1), rtol=0, atol=TOLERANCE[precision])


@PRECISIONS
def test_sequences_of_many_lengths_packed_are_those_of_transformers_padded(precision):
    gpt = ours(TOY, precision)
    other = theirs("OpenAIGPTLMHeadModel", gpt)
    lengths = [16, 1, 7, 12]
    ids = draw((4, 16), TOY.vocabulary)
    with torch.no_grad():
        hidden = gpt(Sequences.of(pack([[row[:length]] for row, length in zip(ids, lengths, strict=True)])))
        padded = other(torch.from_numpy(ids), output_hidden_states=True).hidden_states[-1]
    wanted = torch.cat([row[:length] for row, length in zip(padded, lengths, strict=True)])
    torch.testing.assert_close(hidden.states, wanted, rtol=0, atol=TOLERANCE[precision])


@SIZES
@PRECISIONS
def test_choice_scores_and_both_losses_are_those_of_the_double_heads_of_transformers(settings, length, precision):
    gpt = ours(settings, precision)
    other = theirs("OpenAIGPTDoubleHeadsModel", gpt, all_rows=True)
    examples, choices, labels = 2, 3, [2, 0]
    ids = draw((examples, choices, length), settings.rows)  # special tokens, and even positions, are ids as any
    ids[..., 0], ids[..., -1] = settings.vocabulary, settings.vocabulary + 2  # start and extract
    sequences = Sequences.of(pack(list(ids), labels))
    with torch.no_grad():
        hidden = gpt(sequences)
        scores = gpt.scores(hidden, sequences)
        task = gpt.head.loss(scores, sequences) / examples
        text = language_model_loss(hidden, sequences, Counts(examples * choices, examples), rows=settings.rows)
        wanted = other(
            torch.from_numpy(ids),
            mc_token_ids=torch.full((examples, choices), length - 1),
            labels=torch.from_numpy(ids),
            mc_labels=torch.tensor(labels),
        )
    tolerance = TOLERANCE[precision]
    torch.testing.assert_close(text, wanted.loss, rtol=0, atol=tolerance)
    torch.testing.assert_close(scores.squeeze(-1), wanted.mc_logits.flatten(), rtol=0, atol=tolerance)
    torch.testing.assert_close(task, wanted.mc_loss, rtol=0, atol=tolerance)


def test_answers_of_many_lengths_score_as_in_transformers_padded():
    gpt = ours(TOY, torch.float32)
    other = theirs("OpenAIGPTDoubleHeadsModel", gpt, all_rows=True)
    lengths = [9, 16, 4]
    ids = draw((3, 16), TOY.rows)
    answers = [row[:length] for row, length in zip(ids, lengths, strict=True)]
    sequences = Sequences.of(pack([answers], [1]))
    with torch.no_grad():
        scores = gpt.scores(gpt(sequences), sequences)
        loss = gpt.head.loss(scores, sequences)
        ends = torch.tensor([lengths]) - 1
        wanted = other(torch.from_numpy(ids)[None], mc_token_ids=ends, mc_labels=torch.tensor([1]))
    torch.testing.assert_close(scores.squeeze(-1), wanted.mc_logits[0], rtol=0, atol=TOLERANCE[torch.float32])
    torch.testing.assert_close(loss, wanted.mc_loss, rtol=0, atol=TOLERANCE[torch.float32])
