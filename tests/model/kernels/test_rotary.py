"""Rotary positions from a table are those of the plain version, and what is promised of them holds."""

from __future__ import annotations

import pytest
import torch

from foretext.model.kernels.rotary import plain_rotated, rotated

POSITIONS = torch.tensor([0, 1, 2, 0, 1, 499])


def drawn(*shape: int, dtype: torch.dtype = torch.float64) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(1), dtype=torch.float64).to(dtype)


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.bfloat16], ids=str)
def test_values_and_gradients_are_those_of_the_plain_version(dtype):
    found = []
    for way in (plain_rotated, lambda *given: rotated(*given, context=512)):
        values = drawn(6, 3, 8, dtype=dtype).requires_grad_()
        turned = way(values, POSITIONS, 100_000.0)
        turned.pow(3).sum().backward()
        assert turned.dtype == dtype
        found.append((turned.detach(), values.grad))
    for one, other in zip(*found, strict=True):
        torch.testing.assert_close(other, one)


def test_a_product_of_query_and_key_depends_on_how_far_apart_they_are_alone():
    query, key = drawn(1, 1, 8), drawn(2, 1, 8)[1:]

    def product(of_query: int, of_key: int) -> float:
        one, other = (
            rotated(values, torch.tensor([place]), 100.0, context=512)
            for values, place in ((query, of_query), (key, of_key))
        )
        return float((one * other).sum())

    assert product(9, 4) == pytest.approx(product(305, 300), abs=1e-12)
    assert product(9, 4) != pytest.approx(product(9, 5), abs=1e-3)


@pytest.mark.parametrize("base", [10_000.0, 100_000.0])
def test_far_positions_are_those_of_llama(base):
    """As `transformers` has it: at position 499, where another base or halves in the angles would show."""
    llama = pytest.importorskip("transformers.models.llama.modeling_llama")
    config = llama.LlamaConfig(
        hidden_size=24, num_attention_heads=3, rope_parameters={"rope_type": "default", "rope_theta": base}
    )
    values = drawn(6, 3, 8, dtype=torch.float32)
    cosines, sines = llama.LlamaRotaryEmbedding(config)(values, POSITIONS[None])
    theirs, _ = llama.apply_rotary_pos_emb(values.transpose(0, 1)[None], values.transpose(0, 1)[None], cosines, sines)
    torch.testing.assert_close(rotated(values, POSITIONS, base, context=512), theirs[0].transpose(0, 1))


def test_a_table_that_was_first_made_in_inference_serves_training():
    with torch.inference_mode():
        rotated(drawn(1, 1, 8), torch.tensor([3]), 77.0, context=16)
    values = drawn(1, 1, 8).requires_grad_()
    rotated(values, torch.tensor([3]), 77.0, context=16).sum().backward()
    assert values.grad is not None
