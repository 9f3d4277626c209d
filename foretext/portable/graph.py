"""The model as other programs compute it: its formulas as ONNX operators, on padded sequences.

    input_ids       (sequences, tokens)  ids, anything where there is padding
    attention_mask  (sequences, tokens)  1 for a token, 0 for padding, which may stand before, behind or between tokens

Tokens first move to the front of their row, and columns without any are left out. Then no token comes behind padding,
causal attention needs no other mask, and a state is that of the sequence alone, whatever else is in the batch.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import torch
from onnx import ModelProto
from torch import Tensor, nn

from foretext import __version__
from foretext.batch import Combine, Target
from foretext.errors import ModelError
from foretext.model.gpt import GPT
from foretext.model.heads import TaskHead
from foretext.model.lstm import LSTMLayer
from foretext.model.norms import RMSNorm
from foretext.model.settings import Activation, ModelSettings, Reads
from foretext.model.transformer import Attention, Block, FeedForward
from foretext.portable.operators import MOST_BYTES, Graph

SEQUENCES, TOKENS, EXAMPLES = "sequences", "tokens", "examples"  # names of dimensions
EXACT = ("head", "logits", "grades")  # products that stay in fp32 where others are rounded
Shape = list[int | str]


def written(gpt: GPT) -> ModelProto:
    """The decoder with its head, or where it has none the language model.

    Outputs, all in fp32:

        probabilities      (examples, classes)          targets classes, labels and grades
        scores             (examples,)                  targets grades and value
        scores             (sequences,)                 target answers: of each answer, before the softmax over all
        log_probabilities  (sequences, tokens, tags)    target tags
        logits             (sequences, tokens, pieces)  no head: of the piece behind each token

    Raises:
        ModelError: it has more weights than one file of ONNX can hold.
    """
    size = sum(parameter.numel() * 4 for parameter in gpt.parameters())
    if size > MOST_BYTES:
        raise ModelError(f"the weights are {size:,} bytes; a file of ONNX holds {MOST_BYTES:,} at most")
    graph = Graph()
    _Writer(graph, gpt).write()
    return graph.model(producer="foretext", version=__version__)


class _Writer:
    """Writes one model into one graph; values that several layers use are made once."""

    def __init__(self, graph: Graph, gpt: GPT) -> None:
        self.graph, self.gpt, self.settings = graph, gpt, gpt.settings
        self.op, self.made = graph.op, dict[str, str]()

    def write(self) -> None:
        graph, op, settings = self.graph, self.op, self.settings
        ids = graph.input("input_ids", [SEQUENCES, TOKENS])
        mask = graph.input("attention_mask", [SEQUENCES, TOKENS])
        self.lengths = op("ReduceSum", mask, graph.numbers(1), keepdims=1)  # (sequences, 1)
        moved = self._places(mask)
        real = op("Mul", ids, mask)  # what stands in the place of padding is never looked up
        ids = op("ScatterElements", real, moved, real, axis=1)
        self.tokens = op("ReduceMax", self.lengths, graph.numbers(0, 1), keepdims=0)  # of the longest sequence
        self.longest = op("Unsqueeze", self.tokens, graph.numbers(0))
        ids = op("Slice", ids, graph.numbers(0), self.longest, graph.numbers(1))
        self.place = op("Range", graph.whole(0), self.tokens, graph.whole(1))  # (tokens,)
        last = op("Sub", self.tokens, graph.whole(1))
        self.back = op("Unsqueeze", op("Min", moved, last), graph.numbers(2))  # (sequences, tokens given, 1)
        table = self.gpt.embedding
        pieces = graph.weight("pieces", table[: settings.first_position])
        states = op("Gather", pieces, ids)  # (sequences, tokens, width)
        if settings.positions == "learned":
            states = op("Add", states, self._first(graph.weight("positions", table[settings.first_position :])))
        for number, layer in enumerate(self.gpt.layers):
            states = _LAYERS[type(layer)](self, layer, states, f"layer{number}")
        if self.gpt.last_norm is not None:
            states = self.norm(self.gpt.last_norm, states, "last_norm")
        if self.gpt.head is None:
            own = self.gpt.output_matrix
            self._logits(states, pieces if own is None else graph.weight("output", own))
        else:
            self._answers(self.gpt.head, states)

    def _places(self, mask: str) -> str:
        """Where each token goes so that padding stands behind: `(sequences, tokens)`, each place once.

        mask    0 0 1 1 0 1
        result  3 4 0 1 5 2
        """
        graph, op, one = self.graph, self.op, self.graph.whole(1)
        of_tokens = op("Sub", op("CumSum", mask, one), one)
        padding = op("CumSum", op("Sub", one, mask), one)
        of_padding = op("Sub", op("Add", padding, self.lengths), one)
        return op("Where", op("Greater", mask, graph.whole(0)), of_tokens, of_padding)

    def _first(self, table: str) -> str:
        """The first rows of a table, one for each token."""
        return self.op("Slice", table, self.graph.numbers(0), self.longest, self.graph.numbers(0))

    def _first_of(self, name: str, table: Tensor) -> str:
        return self._first(self.graph.weight(name, table))

    def linear(self, layer: nn.Linear, states: str, name: str) -> str:
        """`(…, inputs)` to `(…, outputs)`."""
        product = self.op("MatMul", states, self.graph.weight(f"{name}/weight", layer.weight.T), name=name)
        return product if layer.bias is None else self.op("Add", product, self.graph.weight(f"{name}/bias", layer.bias))

    def norm(self, layer: nn.Module, states: str, name: str) -> str:
        """`states` normalised over the last dimension."""
        graph, op = self.graph, self.op
        gain = graph.weight(f"{name}/gain", layer.get_parameter("weight"))
        if not isinstance(layer, RMSNorm):
            bias, epsilon = graph.weight(f"{name}/bias", layer.get_parameter("bias")), self.settings.norm_epsilon
            return op("LayerNormalization", states, gain, bias, axis=-1, epsilon=epsilon)
        mean = op("ReduceMean", op("Mul", states, states), graph.numbers(-1), keepdims=1)
        root = op("Sqrt", op("Add", mean, graph.real(layer.epsilon)))
        return op("Mul", op("Div", states, root), gain)

    def block(self, block: Block, states: str, name: str) -> str:
        """The states behind a Transformer block."""
        op = self.op
        norms = block.attention_norm, block.feed_forward_norm
        steps: tuple[Callable[[str], str], ...] = (
            lambda given: self.attention(block.attention, given, f"{name}/attention"),
            lambda given: self.feed_forward(block.feed_forward, given, f"{name}/feed_forward"),
        )
        given = states
        for place, (norm, step) in enumerate(zip(norms, steps, strict=True)):
            if block.norms_before:
                read = given if block.beside else states
                states = op("Add", states, step(self.norm(norm, read, f"{name}/norm{place}")))
            else:
                states = self.norm(norm, op("Add", states, step(states)), f"{name}/norm{place}")
        return states

    def attention(self, layer: Attention, states: str, name: str) -> str:
        """Attention, `(sequences, tokens, width)` to the same."""
        graph, op, size = self.graph, self.op, layer.head_size
        values = op("Reshape", self.linear(layer.query_key_value, states, f"{name}/in"), graph.numbers(0, 0, -1, size))
        values = op("Transpose", values, perm=[0, 2, 1, 3])  # (sequences, all heads, tokens, head)
        query, key, value = graph.ops("Split", values, graph.numbers(*layer.heads), outputs=3, axis=1)
        placing = layer.placing
        if placing.query_norm is not None and placing.key_norm is not None:
            query = self.norm(placing.query_norm, query, f"{name}/query_norm")
            key = self.norm(placing.key_norm, key, f"{name}/key_norm")
        if placing.shifted:
            key = self._shifted(key, placing.shifted, layer.heads[1] - placing.shifted)
        if placing.rotary_base is not None:
            query, key = (self._turned(part, placing.turned, size, placing.rotary_base) for part in (query, key))
        key, value = (self._for_queries(part, layer.heads, size) for part in (key, value))
        asked = op("MatMul", op("Mul", query, graph.real(1 / math.sqrt(size))), op("Transpose", key, perm=[0, 1, 3, 2]))
        weights = op("Softmax", op("Add", asked, self._unseen()), axis=-1)
        mixed = op("Transpose", op("MatMul", weights, value), perm=[0, 2, 1, 3])
        return self.linear(layer.output, op("Reshape", mixed, graph.numbers(0, 0, -1)), f"{name}/out")

    def _unseen(self) -> str:
        """What is added to a score: 0, or minus infinity for a key that is not seen.

        That is one that comes later, `(tokens, tokens)`, or where sequences are read both ways one that is padding,
        `(sequences, 1, 1, tokens)`.
        """
        return self._once("unseen", self._make_unseen if self.gpt.attend == "causal" else self._make_not_there)

    def _make_unseen(self) -> str:
        graph, op = self.graph, self.op
        keys, queries = (op("Unsqueeze", self.place, graph.numbers(axis)) for axis in (0, 1))
        return op("Where", op("Greater", keys, queries), graph.real(-math.inf), graph.real(0.0))

    def _make_not_there(self) -> str:
        graph, op = self.graph, self.op
        there = op("Unsqueeze", op("Less", self.place, self.lengths), graph.numbers(1, 2))
        return op("Where", there, graph.real(0.0), graph.real(-math.inf))

    def _shifted(self, key: str, shifted: int, others: int) -> str:
        """Keys, in the first heads those of the token before, 0 for a first token."""
        graph, op = self.graph, self.op
        first, rest = key, []
        if others:
            first, other = graph.ops("Split", key, graph.numbers(shifted, others), outputs=2, axis=1)
            rest.append(other)
        before = op("Slice", first, graph.numbers(0), graph.numbers(-1), graph.numbers(2))
        begin = op("Mul", op("Slice", first, graph.numbers(0), graph.numbers(1), graph.numbers(2)), graph.real(0.0))
        return op("Concat", op("Concat", begin, before, axis=2), *rest, axis=1)

    def _turned(self, values: str, turned: int, whole: int, base: float) -> str:
        """Rotary positions for the first `turned` numbers of each head, the others as they are."""
        if turned == whole:
            return self._rotated(values, whole, base)
        split = self.graph.numbers(turned, whole - turned)
        first, rest = self.graph.ops("Split", values, split, outputs=2, axis=3)
        return self.op("Concat", self._rotated(first, turned, base), rest, axis=-1)

    def _rotated(self, values: str, size: int, base: float) -> str:
        """Numbers j and j + size/2 of each head turned by position · base^(−2j/size)."""
        graph, op = self.graph, self.op
        cosines, sines = (
            self._once(name, partial(self._first_of, name, table))
            for name, table in _angles(self.settings, size, base).items()
        )
        one, other = graph.ops("Split", values, graph.numbers(size // 2, size // 2), outputs=2, axis=3)
        first = op("Sub", op("Mul", one, cosines), op("Mul", other, sines))
        second = op("Add", op("Mul", other, cosines), op("Mul", one, sines))
        return op("Concat", first, second, axis=-1)

    def _for_queries(self, values: str, heads: Sequence[int], size: int) -> str:
        """Keys or values, repeated so that each of the queries' heads has its own."""
        graph, op, each = self.graph, self.op, heads[0] // heads[1]
        if each == 1:
            return values
        values = op("Expand", op("Unsqueeze", values, graph.numbers(2)), graph.numbers(1, 1, each, 1, 1))
        return op("Reshape", values, graph.numbers(0, heads[0], -1, size))

    def feed_forward(self, layer: FeedForward, states: str, name: str) -> str:
        """The feed-forward layer, each token by itself."""
        first = self.linear(layer.expand if layer.gate is None else layer.gate, states, f"{name}/in")
        hidden = _ACTIVATIONS[layer.activation](self.op, first)
        if layer.gate is not None:
            hidden = self.op("Mul", hidden, self.linear(layer.expand, states, f"{name}/gated"))
        return self.linear(layer.contract, hidden, f"{name}/out")

    def lstm(self, layer: LSTMLayer, states: str, name: str) -> str:
        """The states behind an LSTM layer."""
        graph, op, units = self.graph, self.op, layer.lstm.hidden_size
        w, r, *biases = (_gates(layer.lstm.get_parameter(f"{part}_l0")) for part in _LSTM)
        weights = [graph.weight(f"{name}/w", w[None]), graph.weight(f"{name}/r", r[None])]
        weights.append(graph.weight(f"{name}/b", torch.cat(biases)[None]))
        by_token = op("Transpose", self.norm(layer.input_norm, states, f"{name}/input_norm"), perm=[1, 0, 2])
        read = op("LSTM", by_token, *weights, name=name, hidden_size=units)  # (tokens, 1, sequences, units)
        read = op("Transpose", op("Squeeze", read, graph.numbers(1)), perm=[1, 0, 2])
        if isinstance(layer.output, nn.Linear):
            read = self.linear(layer.output, read, f"{name}/out")
        return self.norm(layer.output_norm, read, f"{name}/output_norm")

    def _moved_back(self, values: str) -> str:
        """Values of moved tokens `(sequences, tokens, …)`, where the tokens came from."""
        return self.op("GatherND", values, self.back, batch_dims=1)

    def _logits(self, states: str, pieces: str) -> None:
        graph, op, width, count = self.graph, self.op, self.settings.width, self.settings.vocabulary
        flat = op("Reshape", self._moved_back(states), graph.numbers(-1, width))
        logits = op("Gemm", flat, pieces, name="logits", transB=1)  # the special tokens' too
        logits = op("Slice", logits, graph.numbers(0), graph.numbers(count), graph.numbers(1))
        shape = op("Concat", op("Shape", self.back, end=2), graph.numbers(count), axis=0)
        graph.output("logits", op("Reshape", logits, shape), [SEQUENCES, TOKENS, count])

    def _answers(self, head: TaskHead, states: str) -> None:
        read = _READS[head.settings.reads](self, states)
        read = _COMBINED[head.settings.combine](self, read)
        _TARGETS[head.settings.target](self, head, self.linear(head.linear, read, "head"))

    def extract(self, states: str) -> str:
        """The state of the last token of each sequence, `(sequences, width)`."""
        return self.op("GatherND", states, self.op("Sub", self.lengths, self.graph.whole(1)), batch_dims=1)

    def mean(self, states: str) -> str:
        """The mean state of each sequence, `(sequences, width)`."""
        graph, op = self.graph, self.op
        there = op("Cast", op("Less", self.place, self.lengths), to=_FLOAT)
        there = op("Unsqueeze", there, graph.numbers(2))
        total = op("ReduceSum", op("Mul", states, there), graph.numbers(1), keepdims=0)
        return op("Div", total, op("Cast", self.lengths, to=_FLOAT))

    def each(self, states: str) -> str:
        """The state of each token, where the token came from."""
        return self._moved_back(states)

    def added(self, read: str) -> str:
        """The sum over the two sequences of each example."""
        pairs = self.op("Reshape", read, self.graph.numbers(-1, 2, self.settings.width))
        return self.op("ReduceSum", pairs, self.graph.numbers(1), keepdims=0)

    def classes(self, head: TaskHead, scores: str) -> None:
        """A softmax over classes."""
        self.probabilities(head, self.op("Softmax", scores, axis=-1))

    def labels(self, head: TaskHead, scores: str) -> None:
        """A sigmoid for each label."""
        self.probabilities(head, self.op("Sigmoid", scores))

    def grades(self, head: TaskHead, scores: str) -> None:
        """A softmax over grades, and the score that it expects."""
        settings, probabilities = head.settings, self.op("Softmax", scores, axis=-1)
        grades = settings.low + settings.step * torch.arange(settings.outputs).float()
        self.probabilities(head, probabilities)
        self.scores(self.op("MatMul", probabilities, self.graph.weight("grades", grades), name="grades"), EXAMPLES)

    def value(self, head: TaskHead, scores: str) -> None:
        """A score in steps from the mean of the training scores."""
        graph, settings = self.graph, head.settings
        scaled = self.op("Add", self.op("Mul", scores, graph.real(settings.step)), graph.real(settings.low))
        self.scores(self.op("Squeeze", scaled, graph.numbers(1)), EXAMPLES)

    def answers(self, head: TaskHead, scores: str) -> None:
        """A score for each answer."""
        self.scores(self.op("Squeeze", scores, self.graph.numbers(1)), SEQUENCES)

    def tags(self, head: TaskHead, scores: str) -> None:
        """The logarithm of the probability of each tag."""
        shape: Shape = [SEQUENCES, TOKENS, head.settings.outputs]
        self.graph.output("log_probabilities", self.op("LogSoftmax", scores, axis=-1), shape)

    def probabilities(self, head: TaskHead, value: str) -> None:
        """Gives out probabilities of what an example may have."""
        self.graph.output("probabilities", value, [EXAMPLES, head.settings.outputs])

    def scores(self, value: str, of: str) -> None:
        """Gives out scores."""
        self.graph.output("scores", value, [of])

    def _once(self, name: str, make: Callable[[], str]) -> str:
        if name not in self.made:
            self.made[name] = make()
        return self.made[name]


_FLOAT = 1  # what ONNX calls fp32
_LSTM = ("weight_ih", "weight_hh", "bias_ih", "bias_hh")
_LAYERS: dict[type[nn.Module], Callable[..., str]] = {Block: _Writer.block, LSTMLayer: _Writer.lstm}
_READS: dict[Reads, Callable[[_Writer, str], str]] = {
    "extract": _Writer.extract,
    "mean": _Writer.mean,
    "tokens": _Writer.each,
}
_COMBINED: dict[Combine, Callable[[_Writer, str], str]] = {
    "one": lambda writer, read: read,
    "choose": lambda writer, read: read,
    "add": _Writer.added,
}
_TARGETS: dict[Target, Callable[[_Writer, TaskHead, str], None]] = {
    "classes": _Writer.classes,
    "answers": _Writer.answers,
    "grades": _Writer.grades,
    "value": _Writer.value,
    "labels": _Writer.labels,
    "tags": _Writer.tags,
}
_ACTIVATIONS: dict[Activation, Callable[[Any, str], str]] = {
    "gelu": lambda op, values: op("Gelu", values, approximate="tanh"),
    "gelu_erf": lambda op, values: op("Gelu", values),
    "relu": lambda op, values: op("Relu", values),
    "relu2": lambda op, values: op("Mul", *[op("Relu", values)] * 2),
    "silu": lambda op, values: op("Mul", values, op("Sigmoid", values)),
    "swiglu": lambda op, values: op("Mul", values, op("Sigmoid", values)),
}


def _angles(settings: ModelSettings, size: int, base: float) -> dict[str, Tensor]:
    """Cosines and sines of the angles of rotary positions, each `(context, size / 2)`."""
    shares = torch.arange(0, size, 2).float() / size
    angles = torch.arange(settings.context).float()[:, None] * (1.0 / base**shares)
    return {"cosines": angles.cos(), "sines": angles.sin()}


def _gates(weight: Tensor) -> Tensor:
    """Rows by gate in the order of ONNX: torch has input, forget, cell, output; ONNX input, output, forget, cell."""
    entering, forget, cell, leaving = weight.detach().chunk(4)
    return torch.cat([entering, leaving, forget, cell])
