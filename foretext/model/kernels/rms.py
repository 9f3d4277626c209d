"""RMSNorm with a gradient of its own, some rows at a time, which stay in the processor's cache.

Written as separate operations, autograd passes over whole arrays a dozen times; torch has one kernel for layer norm on
a CPU, and none for this.
"""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as functional
from torch import Tensor

ENTRIES_AT_ONCE = 1 << 16  # of the states: 256 KB in fp32


def plain_rms_norm(states: Tensor, gain: Tensor, epsilon: float) -> Tensor:
    """x / √(mean of x² + ε) · gain over the last dimension; the mean is taken in fp32 at least, as in Llama.

    What comes out has the type of what goes in, and is rounded to it before the gain.
    """
    wide = states.to(_wide(states))
    scaled = functional.rms_norm(wide, gain.shape, eps=epsilon).to(states.dtype)
    return scaled * gain.to(states.dtype)


def rms_norm(states: Tensor, gain: Tensor, epsilon: float) -> Tensor:
    """The same; where a CPU trains, with fewer passes over the states."""
    learns = torch.is_grad_enabled() and (states.requires_grad or gain.requires_grad)
    if not learns or states.device.type != "cpu" or torch.compiler.is_compiling():
        return plain_rms_norm(states, gain, epsilon)
    return _RMSNorm.apply(states, gain, epsilon)  # type: ignore[no-any-return,no-untyped-call]


class _RMSNorm(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, states: Tensor, gain: Tensor, epsilon: float) -> Tensor:
        wide = _wide(states)
        rows = states.reshape(-1, states.shape[-1])
        normed, scales = torch.empty_like(rows), rows.new_empty(len(rows), 1, dtype=wide)
        lowered = gain.to(states.dtype)
        for part, out, scale in zip(*(_parts(each, rows) for each in (rows, normed, scales)), strict=True):
            x = part.to(wide)
            torch.rsqrt((x * x).mean(-1, keepdim=True).add_(epsilon), out=scale)
            torch.mul((x * scale).to(out.dtype), lowered, out=out)
        ctx.save_for_backward(rows, gain, scales)
        return normed.view(states.shape)

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, Tensor, None]:
        """With n = x · scale and g = gradient · gain: scale · (g − n · mean(g · n)), and Σ gradient · n."""
        rows, gain, scales = ctx.saved_tensors
        wide = scales.dtype
        gradients = gradient.reshape(rows.shape)
        of_rows, of_gain = torch.empty_like(rows), torch.zeros_like(gain, dtype=wide)
        weights = gain.to(wide)
        for part, given, scale, out in zip(
            *(_parts(each, rows) for each in (rows, gradients, scales, of_rows)), strict=True
        ):
            normed, g = part.to(wide) * scale, given.to(wide)
            both = normed * g
            of_gain += both.sum(0)
            mean = (both @ weights).div_(rows.shape[-1]).unsqueeze(-1)
            out.copy_((g * weights).addcmul_(normed, mean, value=-1).mul_(scale))
        return of_rows.view(gradient.shape), of_gain.to(gain.dtype), None


def _parts(values: Tensor, rows: Tensor) -> tuple[Tensor, ...]:
    return torch.split(values, max(1, ENTRIES_AT_ONCE // rows.shape[-1]))


def _wide(values: Tensor) -> torch.dtype:
    return torch.promote_types(values.dtype, torch.float32)
