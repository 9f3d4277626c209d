"""The model: one embedding matrix, the backbone's layers, and a head once there is a task.

    h_0 = U W_e + W_p;   h_l = block(h_{l-1});   P(u) = softmax(h_n W_e^T);   P(y | x) = softmax(h_n^extract W_y)

Source: Radford et al. 2018, section 3; recipe points 7, 8, 9 and 15.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from foretext.batch import Attend, Batch
from foretext.errors import SettingsError
from foretext.model.heads import TaskHead
from foretext.model.kernels.dropout import dropout
from foretext.model.kernels.embedding import embedded
from foretext.model.lstm import LSTMLayer
from foretext.model.norms import norm
from foretext.model.sequences import Sequences
from foretext.model.transformer import Block, picked
from foretext.model.tree import SharePrefixes
from foretext.neighbours import share_cores

if TYPE_CHECKING:
    from foretext.model.settings import Backbone, HeadSettings, ModelSettings, Reads

# A layer of each backbone: made from the model's settings, (states, sequences) to states.
BACKBONES: dict[Backbone, type[nn.Module]] = {"transformer": Block, "lstm": LSTMLayer}


@dataclass(frozen=True)
class Hidden:
    """The decoder's last states, and what a softmax runs over as this pass saw it (dropout included).

    That is the embedding matrix, unless the output has its own. Of a pass without a softmax it is not to be read.
    """

    states: Tensor  # (tokens, width)
    matrix: Tensor  # (rows, width): vocabulary, special tokens, and in the embedding matrix learned positions


class GPT(nn.Module):
    """A decoder with, perhaps, a task head.

    Weights are drawn from `seed` alone: N(0, 0.02) unless the settings say otherwise, biases 0, gains 1.
    With the seed None they are not drawn, which takes its time, but left to whoever fills them in.
    """

    def __init__(self, settings: ModelSettings, head: HeadSettings | None = None, *, seed: int | None = 0) -> None:
        super().__init__()
        self.settings = settings
        self.recompute = False  # whether activations inside the layers are computed again for the gradient, not kept
        self.compiled: Callable[..., Tensor] | None = None  # runs a layer, in training
        # A recurrent layer reads each sequence from its start.
        self.share_prefixes: SharePrefixes = "in_batches" if settings.backbone == "transformer" else "no"
        if head is not None and head.attend == "both":
            if settings.backbone != "transformer":
                raise SettingsError("--attend both is for Transformers; an LSTM reads each sequence from its start")
            self.share_prefixes = "no"  # what begins alike is not alike where each token sees its whole sequence
        self.embedding = nn.Parameter(torch.empty(settings.rows, settings.width))
        own = settings.output == "own"
        self.output_matrix = nn.Parameter(torch.empty(settings.output_rows, settings.width)) if own else None
        self.blocks = nn.ModuleList(BACKBONES[settings.backbone](settings) for _ in range(settings.layers))
        # With norms before each sum nothing else normalises what the last block gives.
        self.last_norm = norm(settings) if settings.norm_at == "before" else None
        self.head = TaskHead(head, settings.width) if head else None
        if seed is not None:
            initialize(self, seed)

    @property
    def layers(self) -> list[Any]:
        """The blocks as they are, whose methods torch's list of modules hides from type checkers."""
        return list(self.blocks)

    @property
    def attend(self) -> Attend:
        """What tokens see of their sequences; a model without a head is a language model, and causal."""
        return "causal" if self.head is None else self.head.settings.attend

    def sequences(self, batch: Batch, *, attend: Attend | None = None) -> Sequences:
        """`batch` on the model's device, what sequences share computed once: for evaluation, where that is exact.

        Tokens see what they saw in fine-tuning, unless `attend` says otherwise of a language model.
        """
        how = attend or self.attend
        return Sequences.of(batch, self.embedding.device, share_prefixes=self.share_prefixes, attend=how)

    def forward(self, sequences: Sequences, at: Tensor | None = None, *, softmax: bool = True) -> Hidden:
        """States of every token of every sequence, of one that sequences share, once; with `at`, only of those tokens.

        They come in the order of `at`. The last layer's attention then mixes for all, and everything behind it is
        computed for those alone. Without a `softmax` over its matrix training saves passes over that.

        Raises:
            SettingsError: a sequence is longer than the context, or one is to be read from its start to its end by a
                model that was fine-tuned to read both ways.
        """
        if self.attend == "both" and sequences.both_ways < sequences.rows:
            refuse_as_language_model(self)
        if sequences.longest > self.settings.context:
            raise SettingsError(
                f"a sequence of {sequences.longest} tokens is longer than the context of {self.settings.context}"
            )
        matrix, states = self.embed(sequences.tokens, sequences.positions, softmax=softmax)
        layer = self.compiled if self.compiled and self.training else _layer
        last = len(self.blocks) - 1
        for number, block in enumerate(self.blocks):
            given = block, states, sequences, at if number == last else None
            if self.recompute and torch.is_grad_enabled():
                states = checkpoint(layer, *given, use_reentrant=False)  # restores the random state
            else:
                states = layer(*given)
        return Hidden(self.finished(states if len(self.blocks) else picked(states, at)), matrix)

    def finished(self, states: Tensor) -> Tensor:
        """The last states from what the last block gives."""
        return states if self.last_norm is None else self.last_norm(states)

    @contextmanager
    def evaluating(self) -> Iterator[None]:
        """Without dropout, and afterwards as before; a model that answers already costs no walk through its layers."""
        if self.embedding.device.type == "cpu":
            share_cores()
        was_training = self.training
        if was_training:
            self.eval()
        try:
            yield
        finally:
            if was_training:
                self.train()

    def compile_layers(self, *, graphs: bool = False) -> None:
        """Has torch.compile make one program for all layers, used in training; with `graphs` run as a CUDA graph."""
        self.compiled = torch.compile(_layer, mode="reduce-overhead" if graphs else None)

    def embed(self, tokens: Tensor, positions: Tensor, *, softmax: bool = True) -> tuple[Tensor, Tensor]:
        """What a softmax runs over in this pass, and h_0 `(tokens, width)`.

        Dropout is on the embedding matrix or on h_0 (point 8), never on a matrix that the output has for itself.
        """
        probability = self.settings.embedding_dropout
        on_matrix = self.settings.embedding_dropout_on == "matrix"
        places = positions + self.settings.first_position if self.settings.positions == "learned" else None
        of_matrix = probability if on_matrix and self.training else 0.0
        read = softmax and self.output_matrix is None
        matrix, states = embedded(self.embedding, tokens, places, of_matrix, softmax=read)
        states = states if on_matrix else dropout(states, probability, self.training)
        return matrix if self.output_matrix is None else self.output_matrix, states

    def scores(self, hidden: Hidden, sequences: Sequences) -> Tensor:
        """The task head's scores, read at the last token of each sequence, from the mean of its states, or at each."""
        if self.head is None:
            raise SettingsError("this model has no task head; fine-tune it on a task first")
        return self.head(READS[self.head.settings.reads](hidden.states, sequences), sequences)  # type: ignore[no-any-return]

    def read(self, sequences: Sequences) -> Tensor:
        """What `scores` gives for `self(sequences)`, without the states that the head does not read.

        Raises:
            SettingsError: there is no head, or a sequence is longer than the context.
        """
        if self.head is None or self.head.settings.reads != "extract":
            return self.scores(self(sequences), sequences)
        return self.head(self(sequences, sequences.ends).states, sequences)  # type: ignore[no-any-return]

    def parameter_count(self) -> int:
        """How many numbers are learned; the embedding matrix counts once."""
        return sum(parameter.numel() for parameter in self.parameters())


def refuse_as_language_model(model: GPT) -> None:
    """Nothing, unless the model was fine-tuned so that each token sees those that it would have to predict.

    Raises:
        SettingsError: it was.
    """
    if model.attend == "both":
        raise SettingsError(
            "this model was fine-tuned with --attend both and predicts no tokens: text is scored and written by "
            "language models, such as the one that it started from"
        )


# What the head reads of all states.
READS: dict[Reads, Callable[[Tensor, Sequences], Tensor]] = {
    "extract": lambda states, sequences: states.index_select(0, sequences.ends),
    "mean": lambda states, sequences: sequences.mean(states),
    "tokens": lambda states, sequences: sequences.unjoined(states),
}


def _layer(block: nn.Module, states: Tensor, sequences: Sequences, at: Tensor | None) -> Tensor:
    return block(states, sequences, at)  # type: ignore[no-any-return]


def initialize(model: GPT, seed: int) -> None:
    """Weights N(0, deviation), biases 0, gains 1, in the order of the parameters' names: the same on every machine.

    Pieces and special tokens may have a deviation of their own, and blocks may add nothing at first; the forget gates
    of an LSTM start open.

    Source: section 4.1, with a deviation of 0.02.
    """
    settings = model.settings
    deviation = settings.initial_deviation
    generator = torch.Generator().manual_seed(seed)
    for name, parameter in sorted(model.named_parameters()):
        with torch.no_grad():
            if parameter.dim() > 1:
                values = torch.empty(parameter.shape, dtype=torch.float32)
                parameter.copy_(values.normal_(0.0, deviation, generator=generator))
            elif name.endswith("norm.weight"):
                parameter.fill_(1.0)
            else:
                parameter.zero_()
    if settings.embedding_deviation:
        with torch.no_grad():
            model.embedding[: settings.first_position] *= settings.embedding_deviation / deviation
    for module in model.modules():
        if isinstance(module, LSTMLayer):
            module.open_forget_gates()
        if isinstance(module, Block) and settings.projections_start == "zero":
            module.add_nothing()


def transfer(source: GPT, target: GPT, layers: int | None = None, *, special_tokens_from: Sequence[int] = ()) -> None:
    """Gives `target` the weights of `source`: the embeddings of tokens and positions, and the lowest blocks.

    An output's own matrix goes with the embeddings.

    `layers` is -1 for nothing, 0 for the embeddings alone, k for the embeddings and k blocks, None for everything.
    The head always starts afresh; so does what is above the k blocks. So do the special tokens, which a language model
    has not learned; a source that was fine-tuned has, and gives its own. Where `special_tokens_from` has ids of three
    pieces, they start from the embeddings of these.

    Raises:
        SettingsError: the models differ in shape, or `layers` is not between -1 and their number of blocks.

    Source: section 5, "Impact of number of layers transferred"; recipe points 7 and 15.
    """
    blocks = len(source.blocks) if layers is None else layers
    if not -1 <= blocks <= len(source.blocks):
        raise SettingsError(f"cannot transfer {blocks} layers; this model has {len(source.blocks)} (-1 means nothing)")
    if _shape(source) != _shape(target):
        raise SettingsError("weights can only be transferred between models of the same shape")
    if blocks == -1:
        return
    specials = slice(source.settings.vocabulary, source.settings.first_position)
    pieces = list(special_tokens_from)
    with torch.no_grad():
        for one, other in ((source.embedding, target.embedding), (source.output_matrix, target.output_matrix)):
            if one is not None and other is not None:
                fresh = other[specials].clone()
                other.copy_(one)
                if pieces:
                    other[specials] = one[pieces]
                elif source.head is None:
                    other[specials] = fresh
        for block in range(blocks):
            target.blocks[block].load_state_dict(source.blocks[block].state_dict())
        if source.last_norm is not None and target.last_norm is not None and blocks == len(source.blocks):
            target.last_norm.load_state_dict(source.last_norm.state_dict())  # it is fitted to all of them


def _shape(model: GPT) -> tuple[object, ...]:
    """What two models must share for the weights of one to fit into the other."""
    form = tuple(model.settings.own_form.items())
    return type(model.blocks[0]) if len(model.blocks) else None, len(model.blocks), model.embedding.shape, form
