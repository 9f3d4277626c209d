"""In a torch without one of its private operators answers stay what they were, or are refused in words."""

from __future__ import annotations

import re
from pathlib import Path
from typing import get_args

import pytest
import torch
from torch.nn import Linear

import foretext
from foretext.errors import SettingsError
from foretext.model.answering import for_answering
from foretext.model.gpt import GPT
from foretext.model.kernels import operators
from foretext.model.kernels.likelihood import weighted_cross_entropy
from foretext.model.kernels.linear import After, FloatLinear, SevenBits, int8_product, plain_linear
from foretext.model.settings import ModelSettings

SETTINGS = ModelSettings(vocabulary=50, context=40, layers=1, width=64, heads=4)
PRIVATE = re.compile(r"torch\.ops\b|quantize_per|backends\.(mkldnn|quantized)")
needs_onednn = pytest.mark.skipif(not operators.has_onednn_product(), reason="this torch has no oneDNN")


class Without:
    """A namespace of operators, one of them gone."""

    def __init__(self, namespace: object, gone: str) -> None:
        self.namespace, self.gone = namespace, gone

    def __getattr__(self, name: str) -> object:
        if name == self.gone:
            raise AttributeError(name)
        return getattr(self.namespace, name)


@pytest.fixture
def take_away(monkeypatch):
    """Takes an operator out of torch until the test ends."""

    def take(namespace: str, name: str) -> None:
        monkeypatch.setattr(torch.ops, namespace, Without(getattr(torch.ops, namespace), name))

    return take


def test_private_operators_are_named_in_one_file():
    package = Path(foretext.__file__).parent
    naming = {path.name for path in package.rglob("*.py") if PRIVATE.search(path.read_text(encoding="utf-8"))}
    assert naming == {"operators.py"}


@needs_onednn
@pytest.mark.parametrize("gone", ["_linear_pointwise", "_reorder_linear_weight"])
@pytest.mark.parametrize("after", get_args(After))
# Sums of 96 in fp32, inputs of size 1; in bf16 results are rounded to 8 bits, and before what comes after once more.
@pytest.mark.parametrize(("dtype", "atol"), [(torch.float32, 1e-5), (torch.bfloat16, 2**-6)])
def test_without_onednns_product_a_layer_is_the_plain_one_with_the_same_answer(take_away, gone, after, dtype, atol):
    torch.manual_seed(1)
    linear, rows = Linear(96, 16), torch.randn(5, 96)
    given = (rows, torch.rand(5, 16)) if after == "times" else (rows,)
    with torch.no_grad():
        before = FloatLinear(linear, dtype=dtype, after=after)(*given)
        take_away("mkldnn", gone)
        layer = FloatLinear(linear, dtype=dtype, after=after)
        assert layer.product is plain_linear
        torch.testing.assert_close(layer(*given), before, rtol=0, atol=atol)


@needs_onednn
def test_without_the_question_whether_bf16_is_supported_it_is_not_laid_out_and_fp32_is(take_away):
    take_away("mkldnn", "_is_mkldnn_bf16_supported")
    assert operators.lays_out(torch.float32)
    assert not operators.lays_out(torch.bfloat16)


@needs_onednn
def test_without_onednns_product_logits_are_the_same_where_it_would_be_faster(monkeypatch, take_away):
    monkeypatch.setattr(torch.backends.cpu, "get_cpu_capability", lambda: "AVX2")
    torch.manual_seed(0)
    states, matrix = (torch.randn(count, 32, requires_grad=True) for count in (7, 50))
    targets, found = torch.randint(50, (7,)), []
    for taken in (False, True):
        if taken:
            take_away("mkldnn", "_linear_pointwise")
        assert operators.gains_by_onednn(states) is not taken
        loss = weighted_cross_entropy(states, matrix, targets, torch.ones(7))
        found.append([loss.detach(), *torch.autograd.grad(loss, (states, matrix))])
    for one, other in zip(*found, strict=True):
        torch.testing.assert_close(other, one, rtol=1e-5, atol=1e-5)


@needs_onednn
def test_without_onednns_product_a_model_in_fp32_is_itself(monkeypatch, take_away):
    monkeypatch.setattr(torch.backends.cpu, "get_cpu_capability", lambda: "AVX2")
    gpt = GPT(SETTINGS)
    assert for_answering(gpt, "fp32") is not gpt
    take_away("mkldnn", "_reorder_linear_weight")
    assert for_answering(gpt, "fp32") is gpt


@pytest.mark.skipif(not operators.has_fbgemm_bytes(), reason="no FBGEMM")
@pytest.mark.parametrize("gone", ["qlinear_prepack", "qlinear_pointwise"])
def test_without_onednns_products_of_bytes_int8_is_fbgemms(take_away, gone):
    take_away("onednn", gone)
    assert int8_product() is SevenBits


@pytest.mark.parametrize("gone", ["linear_prepack", operators.FBGEMM_PRODUCT, "quantize_per_channel"])
def test_without_any_product_of_bytes_int8_is_refused_and_other_precisions_are_named(monkeypatch, take_away, gone):
    take_away("onednn", "qlinear_pointwise")
    take_away("quantized", gone)
    if gone == "quantize_per_channel":
        monkeypatch.delattr(torch, gone)
    with pytest.raises(SettingsError, match="torch has no product of bytes for this one; use --precision bf16 or fp32"):
        for_answering(GPT(SETTINGS), "int8")
