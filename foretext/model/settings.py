"""The size and shape of a model and of its head, and the named sizes."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import ConfigDict, Field, ValidationInfo, field_validator, model_validator

from foretext.batch import Attend, Combine, Target
from foretext.errors import SettingsError
from foretext.settings import Settings

SPECIALS = 3  # start, delimiter, extract: rows of the embedding right behind the vocabulary
Backbone = Literal["transformer", "lstm"]
AnswerPrecision = Literal["auto", "fp32", "bf16", "int8"]
EmbeddingDropoutOn = Literal["matrix", "input"]
Reads = Literal["extract", "mean", "tokens"]
ProjectionsStart = Literal["drawn", "zero"]
Norm = Literal["layer", "rms"]
NormAt = Literal["after", "before"]
Positions = Literal["learned", "rotary"]
QueryKeyNorm = Literal["none", "rms"]
Activation = Literal["gelu", "gelu_erf", "relu", "relu2", "silu", "swiglu"]
Biases = Literal["all", "attention", "query_key_value", "feed_forward", "none"]
Branches = Literal["in_turn", "beside"]
Output = Literal["tied", "own"]
NORM_EPSILON = 1e-5  # inside the square root, as in the released code
ROTARY_BASE = 10_000.0  # of RoFormer and of the first Llama
PAPER_LAYERS: dict[Backbone, int] = {"transformer": 12, "lstm": 1}  # sections 4.1 and 5


class ModelSizes(Settings):
    """How large a decoder is, and how it begins and drops out; the defaults are the paper's (section 4.1)."""

    model_config = ConfigDict(validate_default=True)  # so that layers not given are filled in

    backbone: Backbone = "transformer"
    """What turns embeddings into states: transformer, or lstm, which the paper compares it with."""
    context: int = Field(512, ge=2)
    """Longest sequence in tokens; also the number of learned positions, where they are."""
    layers: int = Field(default=None, ge=0)  # type: ignore[assignment]
    """Transformer blocks or LSTM layers. Not given: the paper's 12 blocks, or its 1 LSTM layer."""
    width: int = Field(768, ge=1)
    """Size of a state and of an embedding."""
    heads: int = Field(12, ge=1)
    """Attention heads in a block; `width` must be a multiple, unless `head_width` is given."""
    feed_forward: int = Field(0, ge=0)
    """Hidden units of a block's feed-forward layer; 0 means four times the width."""
    lstm_units: int = Field(2_048, ge=1)
    """Units of an LSTM layer; a Transformer has none."""
    embedding_dropout: float = Field(0.1, ge=0, lt=1)
    """Dropout on embeddings."""
    embedding_dropout_on: EmbeddingDropoutOn = "matrix"
    """matrix: drawn on the embedding matrix once a step, so that input and softmax miss the same entries (the released
    code). input: drawn on each token's embedding, the softmax sees all."""
    attention_dropout: float = Field(0.1, ge=0, lt=1)
    """Dropout on attention weights."""
    residual_dropout: float = Field(0.1, ge=0, lt=1)
    """Dropout on what attention and feed-forward add to the residual stream."""
    initial_deviation: float = Field(0.02, gt=0)
    """Standard deviation of new weights. What a layer passes on grows with deviation · √width, so the presets of
    narrower models keep that product at the paper's value."""
    embedding_deviation: float = Field(0.0, ge=0)
    """The same of the embeddings of pieces and special tokens, so that the first layer tells them from each other
    beside the positions: small models learn several times sooner to look back. 0 means `initial_deviation`."""
    projections_start: ProjectionsStart = "drawn"
    """How the last matrix of attention and of the feed-forward layer starts. drawn: as other weights do. zero: at 0, so
    that a new block adds nothing at first; for Transformers."""

    @field_validator("layers", mode="before")
    @classmethod
    def _as_many_layers_as_the_paper(cls, layers: Any, info: ValidationInfo) -> Any:
        return PAPER_LAYERS[info.data.get("backbone", "transformer")] if layers is None else layers

    @property
    def hidden(self) -> int:
        """Hidden units of the feed-forward layer."""
        return self.feed_forward or 4 * self.width


class ModelShape(ModelSizes):
    """A decoder but for its vocabulary: its sizes, and its form, which is what this class adds.

    The defaults are the paper's (Radford et al. 2018, section 4.1); another form is for Transformers alone.
    """

    norm: Norm = "layer"
    """layer: layer norm. rms: RMSNorm, which takes no mean away and has no bias."""
    norm_at: NormAt = "after"
    """after: states are normalised after each sum. before: what goes into attention and feed-forward layer is, the sums
    are left alone, and one norm more stands behind the last block."""
    norm_epsilon: float = Field(NORM_EPSILON, gt=0)
    """What a norm adds to the variance, or to the mean of squares, inside the root."""
    positions: Positions = "learned"
    """learned: each position of the context has a row of the embedding matrix, which is added. rotary: none has, but
    queries and keys are turned by angles that grow with the position."""
    rotary_base: float = Field(ROTARY_BASE, gt=1)
    """Rotary positions: the larger, the slower the slowest angle grows."""
    rotary_share: float = Field(1.0, gt=0, le=1)
    """Rotary positions: how much of a query and of a key of a head is turned, from its first number on."""
    query_key_norm: QueryKeyNorm = "none"
    """rms: queries and keys of each head go through an RMSNorm before positions turn them, one gain for all heads."""
    activation: Activation = "gelu"
    """Between the matrices of the feed-forward layer. gelu: its tanh form. gelu_erf: the exact one. relu: max(x, 0).
    relu2: the same squared. silu: x · sigmoid(x). swiglu: a third matrix stands beside the first; its outputs go
    through x · sigmoid(x) and are multiplied with the first's."""
    biases: Biases = "all"
    """Which matrices of a block have a bias: all, those of attention, those of query_key_value alone, those of the
    feed_forward layer, or none."""
    branches: Branches = "in_turn"
    """in_turn: the feed-forward layer reads the sum that attention was added to. beside: it reads what attention reads,
    and both are added in one sum; with the norms before."""
    output: Output = "tied"
    """tied: what the softmax runs over are rows of the embedding matrix. own: it has a matrix of its own, with rows for
    pieces and special tokens."""
    key_heads: int = Field(0, ge=0)
    """Heads of keys and values, each for as many neighbouring heads of queries; `heads` must be a multiple. 0 means one
    for each of these."""
    shifted_key_heads: int = Field(0, ge=0)
    """Heads of keys, the first so many, in which each token has the key of the one before it, with its own value: to
    find what followed an earlier token takes one layer then, not two. For copying and comparing texts."""
    head_width: int = Field(0, ge=0)
    """Size of a query, a key and a value of a head. 0 means the width divided by the heads."""

    @field_validator("key_heads")
    @classmethod
    def _one_for_each_head(cls, key_heads: int, info: ValidationInfo) -> int:
        return 0 if key_heads == info.data.get("heads") else key_heads

    @field_validator("head_width")
    @classmethod
    def _the_width_by_the_heads(cls, head_width: int, info: ValidationInfo) -> int:
        return 0 if head_width * info.data.get("heads", 0) == info.data.get("width") else head_width

    @model_validator(mode="after")
    def _heads_divide_the_width(self) -> ModelShape:
        if not self.head_width and self.width % self.heads:
            raise SettingsError(
                f"width {self.width} is not a multiple of heads {self.heads}; try {self.width // 64 or 1}"
            )
        if self.key_heads and self.heads % self.key_heads:
            raise SettingsError(
                f"heads {self.heads} is not a multiple of key heads {self.key_heads}; try 1 or {self.heads}"
            )
        return self

    @model_validator(mode="after")
    def _shifted_heads_are_there(self) -> ModelShape:
        if self.shifted_key_heads > (of_keys := self.key_heads or self.heads):
            raise SettingsError(f"shifted key heads {self.shifted_key_heads} are more than the {of_keys} heads of keys")
        return self

    @property
    def head_size(self) -> int:
        """Size of a query, a key and a value of a head."""
        return self.head_width or self.width // self.heads

    @property
    def attention_heads(self) -> list[int]:
        """How many heads queries, keys and values have."""
        of_keys = self.key_heads or self.heads
        return [self.heads, of_keys, of_keys]

    @model_validator(mode="after")
    def _rotary_positions_fit(self) -> ModelShape:
        if self.positions == "rotary" and self.head_size % 2:
            raise SettingsError(
                f"rotary positions turn pairs of numbers, and a head has {self.head_size}; take a number of heads, or "
                "a head width, that leaves an even one"
            )
        if self.positions == "rotary" and (self.turned < 2 or self.turned % 2):
            raise SettingsError(
                f"rotary share {self.rotary_share:g} turns {self.turned} of the {self.head_size} numbers of a head; it "
                "must be an even number of them"
            )
        for name, usual in (("rotary_base", ROTARY_BASE), ("rotary_share", 1.0)):
            if self.positions != "rotary" and getattr(self, name) != usual:
                raise SettingsError(
                    f"{said({name: f'{getattr(self, name):g}'})} is for rotary positions; give --positions rotary too"
                )
        return self

    @property
    def turned(self) -> int:
        """How many numbers of a query and of a key of a head rotary positions turn."""
        return int(self.head_size * self.rotary_share)

    @model_validator(mode="after")
    def _branches_beside_each_other_have_norms_before(self) -> ModelShape:
        if self.branches == "beside" and self.norm_at != "before":
            raise SettingsError("branches beside each other have their norms before; give --norm-at before too")
        return self

    @model_validator(mode="after")
    def _an_lstm_has_one_form(self) -> ModelShape:
        start = {} if self.projections_start == "drawn" else {"projections_start": self.projections_start}
        if self.backbone != "transformer" and (given := {**start, **self.own_form}):
            raise SettingsError(f"an LSTM has no {said(given)}; leave it out, or take the backbone transformer")
        return self

    @property
    def own_form(self) -> dict[str, Any]:
        """What of the form is not the paper's: the names of settings and their values."""
        default = {name: ModelShape.model_fields[name].default for name in FORM}
        return {name: getattr(self, name) for name in FORM if getattr(self, name) != default[name]}


FORM = tuple(name for name in ModelShape.model_fields if name not in ModelSizes.model_fields)


def said(form: dict[str, Any]) -> str:
    """Settings of a form as a person reads them: `norm at before, positions rotary`."""
    return ", ".join(f"{name} {value}".replace("_", " ") for name, value in form.items())


class ModelSettings(ModelShape):
    """A decoder over a vocabulary."""

    vocabulary: int = Field(40_478, ge=1)
    """Pieces the tokenizer knows, special tokens not counted."""

    @property
    def first_position(self) -> int:
        """The row of the embedding matrix that is the first position's, where these are learned."""
        return self.vocabulary + SPECIALS

    @property
    def rows(self) -> int:
        """Rows of the one embedding matrix: vocabulary, special tokens, learned positions (recipe point 7)."""
        return self.first_position + (self.context if self.positions == "learned" else 0)

    @property
    def output_rows(self) -> int:
        """Rows that a softmax may run over: those of the embedding matrix, or of the output's own."""
        return self.rows if self.output == "tied" else self.first_position


class HeadSettings(Settings):
    """What a task head reads and what it gives."""

    combine: Combine = "one"
    """How the sequences of one example meet: one, add or choose."""
    target: Target = "classes"
    """What it learns. classes: a softmax over them. answers: a softmax over the answers of an example. grades: a score,
    as a soft choice among whole grades (Tai et al. 2015). value: a score, by least squares. labels: a sigmoid
    each. tags: a softmax over classes for each token."""
    outputs: int = Field(2, ge=1)
    """Rows of W_y: classes, grades, labels, or 1."""
    low: float = 0.0
    """Grades: the score of the lowest grade. Value: the mean of the training scores."""
    step: float = 1.0
    """Grades: distance from one grade to the next. Value: the standard deviation of the training scores."""
    reads: Reads = "extract"
    """The states that are read: of each sequence that at its extract token, or the mean over all its tokens; or the
    state of every token."""
    dropout: float = Field(0.1, ge=0, lt=1)
    """Dropout on the state that is read, one mask an example."""
    attend: Attend = "causal"
    """What each token sees of its sequence, so that the states are what they are: itself and what comes before it, or,
    with both, all."""

    @model_validator(mode="before")
    @classmethod
    def _answers_where_one_is_chosen(cls, values: Any) -> Any:
        """Where sequences are chosen among, answers are what is learned; models of before called both `class`."""
        if isinstance(values, dict) and values.get("target", "class") == "class":
            return {**values, "target": "answers" if values.get("combine") == "choose" else "classes"}
        return values


# Sizes by name: what differs from the paper's model. The vocabulary always comes from the tokenizer.
PRESETS: dict[str, dict[str, Any]] = {
    "gpt1": {},
    "small": {"layers": 8, "width": 512, "heads": 8, "context": 512, "initial_deviation": 0.0245},
    "mini": {"layers": 4, "width": 256, "heads": 4, "context": 256, "initial_deviation": 0.035},
    "tiny": {
        "layers": 3,
        "width": 128,
        "heads": 4,
        "context": 128,
        "initial_deviation": 0.05,
        "embedding_deviation": 0.15,
    },
}
