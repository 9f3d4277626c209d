"""Operators that torch promises nobody, all named here and nowhere else, and what happens in a torch without them.

    operator                                            for                                 without it
    mkldnn: _linear_pointwise, _reorder_linear_weight   oneDNN's products of floats,        torch's own products
                                                        weights laid out for them
    mkldnn: _is_mkldnn_bf16_supported                   whether it does so in bf16          torch's own in bf16
    onednn: qlinear_prepack, qlinear_pointwise          oneDNN's products of bytes          FBGEMM's
    quantized: linear_prepack, linear_with_input_…,     FBGEMM's products of bytes          int8 is refused where
    torch.quantize_per_channel                                                              oneDNN has none either

A function `has_…` tells whether the others may be called; whoever calls them asks first.
"""

from __future__ import annotations

import warnings
from typing import Any

import torch
from torch import Tensor

INT8_FEATURES = ("avx512_vnni", "avx_vnni", "amx_int8")  # each of them sums products of bytes in 32 bits
FBGEMM_PRODUCT = "linear_with_input_q_dq_qweight_dq_output_fp32"


def has_onednn_product() -> bool:
    """Whether oneDNN multiplies floats here."""
    available = torch.backends.mkldnn.is_available()  # type: ignore[no-untyped-call]
    return bool(available) and _has("mkldnn", "_linear_pointwise", "_reorder_linear_weight")


def lays_out(dtype: torch.dtype) -> bool:
    """Whether oneDNN takes weights in its own layout: it refuses bf16 on processors that do not compute in it."""
    if dtype is torch.float32 or not has_onednn_product():
        return has_onednn_product()
    return _has("mkldnn", "_is_mkldnn_bf16_supported") and bool(torch.ops.mkldnn._is_mkldnn_bf16_supported())


def gains_by_onednn(like: Tensor) -> bool:
    """Whether oneDNN multiplies such values, where they are, by a large matrix faster than torch does by itself.

    It does in fp32 where a CPU's vectors are short (AVX2): few rows, or many outputs, halve the speed of MKL, which
    torch takes (docs/log.md).
    """
    return (
        (like.device.type, like.dtype) == ("cpu", torch.float32)
        and torch.backends.cpu.get_cpu_capability() == "AVX2"
        and has_onednn_product()
    )


def onednn_layout(weight: Tensor) -> Tensor:
    """`weight` `(outputs, inputs)` as `onednn_linear` likes it best."""
    return torch.ops.mkldnn._reorder_linear_weight(weight)  # type: ignore[no-any-return]


def plain_layout(weight: Tensor) -> Tensor:
    """The same numbers as torch lays them out; bytes that oneDNN laid out come as `(inputs, outputs)`."""
    return weight.to_dense() if weight.layout == torch._mkldnn else weight  # type: ignore[attr-defined]


# What may come after a product, as oneDNN names it, and its form.
AFTER = {"nothing": ("none", None), "gelu": ("gelu", "tanh"), "silu": ("swish", None)}


def onednn_linear(
    states: Tensor, weight: Tensor, bias: Tensor | None = None, after: str = "nothing", factor: Tensor | None = None
) -> Tensor:
    """`(tokens, inputs)` to `(tokens, outputs)`, in either layout of the weight, and what comes `after`.

    That is one of `AFTER`, or "times": each output times that of `factor` `(tokens, outputs)`.
    """
    if factor is not None:
        return torch.ops.mkldnn._linear_pointwise.binary(states, factor, weight, bias, "mul")  # type: ignore[no-any-return]
    name, form = AFTER[after]
    return torch.ops.mkldnn._linear_pointwise(states, weight, bias, name, [], form)  # type: ignore[no-any-return]


def has_onednn_bytes() -> bool:
    """Whether oneDNN multiplies bytes here, by instructions that the processor has for it."""
    features = torch.cpu.get_capabilities()
    able = any(features.get(name) for name in INT8_FEATURES)
    return able and _has("onednn", "qlinear_prepack", "qlinear_pointwise")


def onednn_bytes_layout(weight: Tensor) -> Tensor:
    """Whole numbers from -127 to 127, `(outputs, inputs)`, as `onednn_bytes_linear` takes them."""
    return torch.ops.onednn.qlinear_prepack(weight.to(torch.int8), None)  # type: ignore[no-any-return]


def onednn_bytes_linear(unsigned: Tensor, zero: int, weight: Tensor, scale: Tensor, zeros: Tensor) -> Tensor:
    """`(unsigned - zero) @ weightᵀ · scale` in fp32: an unsigned byte times a signed one, summed in 32 bits.

    `zeros` `(outputs,)`, int32, are the whole numbers that stand for 0 in the weight.
    """
    scales = (1.0, zero, weight, scale, zeros, None, 1.0, 0)
    return torch.ops.onednn.qlinear_pointwise(unsigned, *scales, torch.float32, "none", [], "")  # type: ignore[no-any-return]


def has_fbgemm_bytes() -> bool:
    """Whether FBGEMM multiplies bytes here, as it does on any x86 CPU with AVX2."""
    known = hasattr(torch, "quantize_per_channel") and _has("quantized", "linear_prepack", FBGEMM_PRODUCT)
    return known and "fbgemm" in torch.backends.quantized.supported_engines


def fbgemm_bytes_layout(weight: Tensor, scale: Tensor) -> Any:
    """Whole numbers from -127 to 127, `(outputs, inputs)`, and their scales, as `fbgemm_bytes_linear` takes them."""
    engine = torch.backends.quantized.engine
    with warnings.catch_warnings():
        # torch will part with these tensors one day, and `has_fbgemm_bytes` then says no.
        warnings.filterwarnings("ignore", message="torch.quantize_per_tensor", category=UserWarning)
        zeros = torch.zeros(len(scale), dtype=torch.long)
        whole = torch.quantize_per_channel(weight * scale[:, None], scale, zeros, 0, torch.qint8)
    try:
        torch.backends.quantized.engine = "fbgemm"
        return torch.ops.quantized.linear_prepack(whole, None)
    finally:
        torch.backends.quantized.engine = engine


def fbgemm_bytes_linear(whole: Tensor, zero: int, weight: Any) -> Tensor:
    """`whole @ weightᵀ · scale` in fp32; `zero` is added to `whole` to make unsigned bytes of it."""
    return getattr(torch.ops.quantized, FBGEMM_PRODUCT)(whole, 1.0, zero, weight)  # type: ignore[no-any-return]


def _has(namespace: str, *names: str) -> bool:
    """Whether torch has all these operators."""
    return all(hasattr(getattr(torch.ops, namespace), name) for name in names)
