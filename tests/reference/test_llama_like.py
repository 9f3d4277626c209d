"""Agreement with `transformers`' Llama and Qwen3 on random weights: states, logits, the loss and its gradients.

Every gain is drawn, so that the order of norm and rotation shows, and 8 heads of queries share 2 of keys and values.
"""

from __future__ import annotations

import pytest
import torch

from foretext.batch import pack
from foretext.model.generation import Reader
from foretext.model.gpt import GPT
from foretext.model.sequences import Sequences
from foretext.model.settings import ModelSettings
from foretext.training.objectives import Counts, language_model_loss

transformers = pytest.importorskip("transformers")

# float32 has 7 digits, and states, logits and gradients lie within ±10. Theirs normalise in float32 in any precision;
# in float64 the formulas are compared in tests/model/test_form.py.
CLOSE = {"rtol": 1e-5, "atol": 3e-5}
LENGTH = 45
SIZES = {
    "vocab_size": 50,
    "hidden_size": 64,
    "intermediate_size": 48,
    "num_hidden_layers": 2,
    "num_attention_heads": 8,
    "num_key_value_heads": 2,
    "max_position_embeddings": 64,
    "rms_norm_eps": 1e-6,
    "rope_parameters": {"rope_type": "default", "rope_theta": 100_000.0},
    "tie_word_embeddings": True,
}
FORM = {
    "norm": "rms",
    "norm_at": "before",
    "norm_epsilon": 1e-6,
    "positions": "rotary",
    "rotary_base": 100_000.0,
    "activation": "swiglu",
    "biases": "none",
    "key_heads": 2,
}
SHAPE = {"vocabulary": 50, "context": 64, "layers": 2, "width": 64, "heads": 8, "feed_forward": 48}
STILL = dict.fromkeys(("embedding_dropout", "attention_dropout", "residual_dropout"), 0.0)
FAMILIES = {
    "Llama": (lambda: transformers.LlamaForCausalLM(transformers.LlamaConfig(**SIZES)), {}),
    "Qwen3": (
        lambda: transformers.Qwen3ForCausalLM(transformers.Qwen3Config(**SIZES, head_dim=16)),
        {"query_key_norm": "rms", "head_width": 16},
    ),
}
BLOCK = {
    "attention.output.weight": "self_attn.o_proj.weight",
    "attention_norm.weight": "input_layernorm.weight",
    "attention.placing.query_norm.weight": "self_attn.q_norm.weight",
    "attention.placing.key_norm.weight": "self_attn.k_norm.weight",
    "feed_forward.expand.weight": "mlp.up_proj.weight",
    "feed_forward.gate.weight": "mlp.gate_proj.weight",
    "feed_forward.contract.weight": "mlp.down_proj.weight",
    "feed_forward_norm.weight": "post_attention_layernorm.weight",
}


def ours_of(theirs: dict[str, torch.Tensor], gpt: GPT) -> dict[str, torch.Tensor]:
    """What each of our parameters is, made of tensors by their names; the rows of special tokens are 0."""
    found = {"last_norm.weight": theirs["model.norm.weight"]}
    found["embedding"] = torch.cat([theirs["model.embed_tokens.weight"], theirs["model.embed_tokens.weight"][:3] * 0])
    for name, _ in gpt.named_parameters():
        if name.startswith("blocks."):
            _, number, part = name.split(".", 2)
            layer = f"model.layers.{number}."
            each = [f"{layer}self_attn.{letter}_proj.weight" for letter in "qkv"]
            joined = part == "attention.query_key_value.weight"
            found[name] = torch.cat([theirs[one] for one in each]) if joined else theirs[layer + BLOCK[part]]
    return found


@pytest.fixture(params=FAMILIES)
def pair(request):
    """A model of theirs and ours with the same weights."""
    make, more = FAMILIES[request.param]
    torch.manual_seed(1)
    theirs = make().eval()
    with torch.no_grad():
        for weight in theirs.parameters():
            weight.copy_(torch.randn(weight.shape, dtype=torch.float64) * (0.3 if weight.dim() > 1 else 1.0))
    gpt = GPT(ModelSettings(**SHAPE, **FORM, **more, **STILL), seed=2).eval()
    weights = ours_of(theirs.state_dict(), gpt)
    assert weights.keys() == dict(gpt.named_parameters()).keys()
    gpt.load_state_dict(weights)
    return theirs, gpt


def test_states_loss_and_gradients_are_theirs(pair):
    theirs, gpt = pair
    ids = torch.randint(50, (2, LENGTH), generator=torch.Generator().manual_seed(3))
    found = theirs(input_ids=ids, labels=ids, output_hidden_states=True)
    found.loss.backward()
    sequences = Sequences.of(pack([[row.tolist()] for row in ids]))
    hidden = gpt(sequences)
    loss = language_model_loss(hidden, sequences, Counts(2, 2), rows=50)
    loss.backward()
    torch.testing.assert_close(hidden.states, found.hidden_states[-1].flatten(0, 1), **CLOSE)
    torch.testing.assert_close(hidden.states @ hidden.matrix[:50].T, found.logits.flatten(0, 1), **CLOSE)
    torch.testing.assert_close(loss, found.loss, **CLOSE)
    gradients = ours_of({name: weight.grad for name, weight in theirs.named_parameters()}, gpt)
    for name, weight in gpt.named_parameters():
        torch.testing.assert_close(weight.grad, gradients[name], msg=lambda said, name=name: f"{name}: {said}", **CLOSE)


def test_reading_in_pieces_gives_their_logits(pair):
    theirs, gpt = pair
    ids = torch.randint(50, (LENGTH,), generator=torch.Generator().manual_seed(3))
    with torch.no_grad():
        logits = theirs(input_ids=ids[None]).logits[0]
    reader, first = Reader(gpt), 0
    for size in (1, 2, 7, 35):
        last = reader.next_logits(ids[first : first + size].tolist())
        first += size
        torch.testing.assert_close(last, logits[first - 1], **CLOSE)
