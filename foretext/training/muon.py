"""Muon for the matrices inside a model's layers, Adam for all the rest: a departure from the paper.

    M ← β M + (1 − β) G                              momentum
    D = (1 − β) G + β M                              Nesterov's look ahead
    W ← W − rate · (√max(1, rows / columns) · orthogonal(D) + decay · W)

`orthogonal` brings all singular values of D near 1 and leaves its singular vectors as they are, so that a step goes
as far in directions that gradients seldom have as in those that they mostly have.

Source: Jordan et al. 2024, "Muon: An optimizer for hidden layers in neural networks" (kellerjordan.github.io).
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from foretext.model.transformer import Attention
from foretext.training.optimizer import Adam, excess
from foretext.training.plan import Plan, rate_shares

if TYPE_CHECKING:
    from foretext.model.gpt import GPT

# Jordan's a x + b x³ + c x⁵: five steps bring what lies between 0.01 and 1 to between 0.68 and 1.14.
COEFFICIENTS = (3.4445, -4.7750, 2.0315)


class Muon(torch.optim.Optimizer):
    """The optimizer over all of a model's parameters; call `prepare(update, rate)` before each `step()`.

    The rate is Adam's; that of the matrices is the same share of its own peak. With `precision` "bf16" the products
    of the Newton-Schulz steps are computed in it; momentum and weights keep their type.
    """

    def __init__(self, model: GPT, plan: Plan, *, precision: str = "fp32") -> None:
        self.plan = plan
        self.matrices = matrices(model)
        self.lowered = torch.bfloat16 if precision == "bf16" else None
        self.rate = 0.0
        self.scale: Tensor | None = None
        self.left_out: Tensor | None = None
        super().__init__([{"params": list(self.matrices)}], {})
        self.adam = Adam(model, plan, others=self.matrices.keys())
        self.adam.state = self.state  # one state, which checkpoints keep and fill
        self.names = {parameter: name for name, parameter in model.named_parameters()}
        self.shares = rate_shares(self.names.values(), plan.layer_decay)

    def kept(self, parameter: nn.Parameter) -> tuple[str, ...]:
        """The momentum of a matrix, and of all else what Adam keeps."""
        return ("momentum",) if parameter in self.matrices else self.adam.kept(parameter)

    def lines(self) -> list[str]:
        """Which weights are Muon's and which are Adam's, those of all layers under one name."""
        mine = dict.fromkeys(_in_any_layer(self.names[matrix]) for matrix in self.matrices)
        others = dict.fromkeys(_in_any_layer(name) for p, name in self.names.items() if p not in self.matrices)
        listed = ", ".join(mine) or "there is none"
        return [f"muon moves {len(self.matrices)} matrices: {listed}; adam moves {', '.join(others)}"]

    def clip(self, largest: float) -> Tensor:
        """The global norm of all gradients, Adam's too; the next step scales all down to `largest` if it is above."""
        norm = nn.utils.get_total_norm([p.grad for p in self.names if p.grad is not None])
        self.scale = excess(norm, largest)
        self.adam.scale_down(self.scale)
        return norm

    def leave_out(self, decided: Tensor | None) -> None:
        """With a 1 the next step changes nothing; it is not read by the host."""
        self.left_out = decided
        self.adam.leave_out(decided)

    def prepare(self, update: int, rate: float) -> None:
        """Sets both rates of `update` (counted from 0)."""
        self.rate = rate / self.plan.learning_rate * self.plan.matrix_rate
        self.adam.prepare(update, rate)

    def step(self, closure: Any = None) -> None:  # type: ignore[override]
        """Moves the parameters that have a gradient."""
        with torch.no_grad():
            for matrix in self.matrices:
                if matrix.grad is not None:
                    self._move(matrix, matrix.grad if self.scale is None else matrix.grad / self.scale)
        self.adam.step()

    def zero_grad(self, set_to_none: bool = True) -> None:
        """Forgets the gradients."""
        super().zero_grad(set_to_none)
        self.adam.zero_grad(set_to_none)

    def _move(self, matrix: nn.Parameter, gradient: Tensor) -> None:
        state, beta = self.state[matrix], self.plan.muon_momentum
        if not state:
            state["momentum"] = torch.zeros_like(matrix)
        momentum = state["momentum"]
        before = None if self.left_out is None else (momentum.clone(), matrix.clone())
        momentum.lerp_(gradient, 1 - beta)
        direction = gradient.lerp(momentum, beta)
        steps = [self._step(part) for part in torch.split(direction, self.matrices[matrix])]
        rate = self.rate * self.shares[self.names[matrix]]
        matrix.mul_(1 - rate * self.plan.weight_decay).sub_(torch.cat(steps), alpha=rate)
        if self.left_out is not None and before is not None:
            for now, old in zip((momentum, matrix), before, strict=True):
                now.copy_(torch.where(self.left_out.bool(), old, now))

    def _step(self, direction: Tensor) -> Tensor:
        """What a rate of 1 takes from a matrix, `(rows, columns)`."""
        rows, columns = direction.shape
        return math.sqrt(max(1.0, rows / columns)) * orthogonal(direction, self.plan.muon_steps, self.lowered)


def matrices(model: GPT) -> dict[nn.Parameter, list[int]]:
    """The matrices inside a model's layers, and how many rows each has of those that stand in it one below another.

    They are told by what holds them, not by their names: linear layers and LSTMs. Queries, keys and values are three
    matrices, and so are the gates of an LSTM four. What is in a layer besides, and all that is in none, such as
    embeddings and the task head, is not among them.
    """
    found: dict[nn.Parameter, list[int]] = {}
    for module in model.blocks.modules():
        if isinstance(module, Attention):
            queries = module.output.in_features
            others = (module.query_key_value.out_features - queries) // 2  # keys, and values
            found[module.query_key_value.get_parameter("weight")] = [queries, others, others]
        elif isinstance(module, nn.Linear):
            found.setdefault(module.get_parameter("weight"), [module.out_features])
        elif isinstance(module, nn.LSTM):
            for name in ("weight_ih_l0", "weight_hh_l0"):
                found[module.get_parameter(name)] = [module.hidden_size] * 4
    return {matrix: rows for matrix, rows in found.items() if matrix.requires_grad}


def orthogonal(matrix: Tensor, steps: int, lowered: torch.dtype | None = None) -> Tensor:
    """`(rows, columns)` with the same singular vectors, and all singular values but the smallest near 1.

    What is multiplied by a number above 0 comes to the same, however small or large it is; zeros stay zeros. `lowered`
    is the type to compute products in, if not its own.
    """
    a, b, c = COEFFICIENTS
    wide = matrix if matrix.shape[0] <= matrix.shape[1] else matrix.T
    largest = wide.abs().amax()
    x = wide / torch.where(largest > 0, largest, 1.0)  # squares neither vanish nor overflow then
    x = (x / x.norm().clamp(min=1.0)).to(lowered or x.dtype)  # the norm of what is not 0 is 1 at least
    for _ in range(steps):
        square = x @ x.T
        x = torch.addmm(x, torch.addmm(square, square, square, beta=b, alpha=c), x, beta=a)
    return (x if wide is matrix else x.T).to(matrix.dtype)


def _in_any_layer(name: str) -> str:
    """`blocks.3.attention.output.weight` without the number, and without what all but biases end with."""
    layer, _, rest = name.removeprefix("blocks.").partition(".")
    return (rest if layer.isdigit() else name).removesuffix(".weight")
