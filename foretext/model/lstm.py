"""The paper's other backbone: an LSTM layer in the place of a Transformer block, to tell what the Transformer is worth.

Embeddings, softmax, heads and transfer stay as they are. A layer is normalised at both ends, for the framework's small
weights: embeddings would move its gates by a few hundredths only, and what comes out be as small. A block ends so too.

Source: Radford et al. 2018, section 5, "Ablation studies": a single layer of 2,048 units in the same framework. The
paper says no more of it; norms and forget gates are ours.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from foretext.model.kernels.dropout import dropout
from foretext.model.norms import norm
from foretext.model.sequences import Sequences
from foretext.model.transformer import picked

if TYPE_CHECKING:
    from foretext.model.settings import ModelSettings

FORGET_BIAS = 1.0  # a new layer remembers (Jozefowicz et al. 2015)


@dataclass
class LSTMState:
    """What a layer keeps of the tokens it has seen of one sequence: its output and cell, None before the first."""

    state: tuple[Tensor, Tensor] | None = None


class LSTMLayer(nn.Module):
    """norm(output(lstm(norm(x)))), each sequence by itself; `output` leads from units to width where they differ."""

    def __init__(self, settings: ModelSettings) -> None:
        super().__init__()
        self.input_norm = norm(settings)
        self.lstm = nn.LSTM(settings.width, settings.lstm_units, batch_first=True)
        same = settings.lstm_units == settings.width
        self.output = nn.Identity() if same else nn.Linear(settings.lstm_units, settings.width)
        self.output_norm = norm(settings)
        self.residual_dropout = settings.residual_dropout

    def forward(self, states: Tensor, sequences: Sequences, at: Tensor | None = None) -> Tensor:
        """`(tokens, width)` to `(tokens, width)`; padding stands behind a sequence and changes none of its states.

        With `at`, only those tokens' new states, in that order.
        """
        assert sequences.joined is None, "an LSTM reads each sequence from its start"
        assert not sequences.both_ways, "an LSTM reads each sequence from its start"
        grids = sequences.spread(self.input_norm(states))  # each (sequences, longest, width)
        read = self.output(picked(sequences.gather([self.lstm(grid)[0] for grid in grids]), at))
        return self.output_norm(dropout(read, self.residual_dropout, self.training))  # type: ignore[no-any-return]

    def memory(self, context: int) -> LSTMState:
        """An empty memory for `go_on`; it has the same size however long the context is."""
        return LSTMState()

    def go_on(self, states: Tensor, memory: LSTMState) -> Tensor:
        """`forward` without dropout for the tokens `(tokens, width)` of one sequence that follow those in `memory`."""
        read, memory.state = self.lstm(self.input_norm(states), memory.state)
        return self.output_norm(self.output(read))  # type: ignore[no-any-return]

    def open_forget_gates(self) -> None:
        """Sets the bias of the forget gates, the second quarter in torch's order of gates."""
        units = self.lstm.hidden_size
        with torch.no_grad():
            self.lstm.get_parameter("bias_ih_l0")[units : 2 * units] = FORGET_BIAS
