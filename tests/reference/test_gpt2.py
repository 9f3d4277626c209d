"""Agreement with `transformers`' GPT-2 on random weights: the paper's form but for the norms, which stand before."""

from __future__ import annotations

import pytest
import torch

from foretext.batch import pack
from foretext.model.gpt import GPT
from foretext.model.sequences import Sequences
from foretext.model.settings import ModelSettings

transformers = pytest.importorskip("transformers")

CLOSE = {"rtol": 1e-5, "atol": 3e-5}  # float32 has 7 digits, and states and logits lie within ±10
PARTS = {
    "attention.query_key_value": "attn.c_attn",
    "attention.output": "attn.c_proj",
    "attention_norm": "ln_1",
    "feed_forward.expand": "mlp.c_fc",
    "feed_forward.contract": "mlp.c_proj",
    "feed_forward_norm": "ln_2",
}  # its matrices are inputs by outputs


def test_states_and_logits_are_theirs():
    theirs = transformers.GPT2LMHeadModel(
        transformers.GPT2Config(vocab_size=50, n_positions=64, n_embd=24, n_layer=3, n_head=4)
    ).eval()
    torch.manual_seed(1)
    gpt = GPT(ModelSettings(vocabulary=50, context=64, layers=3, width=24, heads=4, norm_at="before"), seed=2).eval()
    with torch.no_grad():
        for weight in theirs.parameters():
            weight.copy_(torch.randn(weight.shape) * (0.3 if weight.dim() > 1 else 1.0))
        body = theirs.transformer
        gpt.embedding[:50], gpt.embedding[53:] = body.wte.weight, body.wpe.weight
        gpt.last_norm.load_state_dict(body.ln_f.state_dict())
        for block, layer in zip(gpt.blocks, body.h, strict=True):
            for ours, name in PARTS.items():
                weights = layer.get_submodule(name).state_dict()
                weights["weight"] = weights["weight"].t() if weights["weight"].dim() > 1 else weights["weight"]
                block.get_submodule(ours).load_state_dict(weights)
        ids = torch.randint(50, (2, 45))
        found = theirs(input_ids=ids, output_hidden_states=True)
        hidden = gpt(Sequences.of(pack([[row.tolist()] for row in ids])))
    torch.testing.assert_close(hidden.states, found.hidden_states[-1].flatten(0, 1), **CLOSE)
    torch.testing.assert_close(hidden.states @ hidden.matrix[:50].T, found.logits.flatten(0, 1), **CLOSE)
