"""Foretext's own training loop on made-up ids, a few updates at a time, for `pretrain.py`, `gpu.py` and `growth.py`.

It is the loop that `foretext pretrain` and `foretext finetune` run, with nothing to validate or to write. Sizes and
settings are plain values here, so that a machine without pydantic can measure; a test holds them to the real defaults.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass, replace
from types import SimpleNamespace
from typing import Any

import numpy as np

from foretext.batch import Batch, pack
from foretext.model.gpt import GPT
from foretext.training.engine import Engine
from foretext.training.loop import Trainer
from foretext.training.objectives import FineTuning, LanguageModelling, Objective
from foretext.training.optimizer import Adam
from foretext.training.plan import Plan

os.environ.setdefault("FORETEXT_PROGRESS", "off")  # a bar for every turn would say nothing

SPECIALS = 3
BatchOf = Callable[[int], Batch]  # the update's number to its batch


@dataclass(frozen=True)
class Shape:
    """The sizes of a model, with the names and defaults of `ModelSettings`."""

    layers: int = 12
    width: int = 768
    heads: int = 12
    context: int = 512
    vocabulary: int = 40_478
    embedding_dropout: float = 0.1
    attention_dropout: float = 0.1
    residual_dropout: float = 0.1
    embedding_dropout_on: str = "matrix"
    initial_deviation: float = 0.02
    embedding_deviation: float = 0.0
    projections_start: str = "drawn"
    backbone: str = "transformer"
    norm: str = "layer"
    norm_at: str = "after"
    norm_epsilon: float = 1e-5
    positions: str = "learned"
    query_key_norm: str = "none"
    shifted_key_heads: int = 0
    activation: str = "gelu"
    biases: str = "all"
    branches: str = "in_turn"
    output: str = "tied"

    @property
    def head_size(self) -> int:
        return self.width // self.heads

    @property
    def turned(self) -> int:
        return self.head_size

    @property
    def attention_heads(self) -> list[int]:
        return [self.heads] * 3

    @property
    def hidden(self) -> int:
        return 4 * self.width

    @property
    def first_position(self) -> int:
        return self.vocabulary + SPECIALS

    @property
    def output_rows(self) -> int:
        return self.rows

    @property
    def rows(self) -> int:
        return self.first_position + self.context

    def reference(self) -> dict[str, Any]:
        """The same sizes for `ReferenceLoop`."""
        names = ("layers", "width", "heads", "context", "vocabulary")
        return {**{name: getattr(self, name) for name in names}, "dropout": self.residual_dropout}


SHAPES = {
    "gpt1": Shape(),
    "small": Shape(layers=8, width=512, heads=8, context=512, vocabulary=8_192, initial_deviation=0.0245),
    "mini": Shape(layers=4, width=256, heads=4, context=256, vocabulary=8_192, initial_deviation=0.035),
    "tiny": Shape(
        layers=3, width=128, heads=4, context=128, vocabulary=8_192, initial_deviation=0.05, embedding_deviation=0.15
    ),
}
OPTIMIZER = {
    "beta1": 0.9,
    "beta2": 0.999,
    "epsilon": 1e-8,
    "weight_decay": 0.01,
    "clip": 1.0,
    "adam": "released",
    "optimizer": "adam",
    "muon_rate": None,
    "muon_momentum": 0.95,
    "muon_steps": 5,
}
LOOP = {
    "micro_batch": 0,
    "recompute": False,
    "compile": "no",
    "log_every": 10,
    "checkpoint_every": 0,
    "keep_checkpoints": 2,
    "patience": 0,
    "watch": "act",
}
HEAD = {
    "combine": "one",
    "target": "classes",
    "outputs": 2,
    "low": 0.0,
    "step": 1.0,
    "reads": "extract",
    "attend": "causal",
    "dropout": 0.1,
}


@dataclass
class ForetextLoop:
    """A trainer that goes on for as many updates as it is asked for."""

    trainer: Trainer

    @classmethod
    def of(cls, objective: Objective, batch_of: BatchOf, engine: Engine, **loop: Any) -> ForetextLoop:
        """`loop` are settings of the plan other than the defaults: compile, micro_batch, recompute."""
        made = plan(**loop)
        return cls(Trainer(objective, made, engine, Adam(objective, made), lambda update, *_: batch_of(update)))

    def update(self, count: int = 1) -> int:
        """Does `count` updates; returns how many tokens they learned from."""
        state = self.trainer.state
        before = state.tokens
        replace(self.trainer, plan=replace(self.trainer.plan, updates=state.update + count)).run()
        return state.tokens - before


def plan(**values: Any) -> Plan:
    """A plan of no updates, at the peak rate throughout, with the defaults but for `values`."""
    of_the_run = {"updates": 0, "learning_rate": 2.5e-4, "schedule": lambda update: 1.0, "seed": 0, "validate_every": 0}
    return Plan(**{**of_the_run, **OPTIMIZER, **LOOP, "language_model_weight": 0.5, **values})


def pretraining(shape: Shape, batch: int, engine: Engine, **loop: Any) -> ForetextLoop:
    """The loop of L1 on windows of the whole context."""
    model = GPT(shape)  # type: ignore[arg-type]
    return ForetextLoop.of(LanguageModelling(model), lambda update: windows(shape, batch, update), engine, **loop)


def finetuning(shape: Shape, batch_of: BatchOf, engine: Engine, **loop: Any) -> ForetextLoop:
    """The loop of L3 on a task with two classes, λ = 0.5."""
    return finetuning_of(GPT(shape, SimpleNamespace(**HEAD)), batch_of, engine, **loop)  # type: ignore[arg-type]


def finetuning_of(model: GPT, batch_of: BatchOf, engine: Engine, **loop: Any) -> ForetextLoop:
    """The same of a model with a head; `loop` may say another λ, `language_model_weight`."""
    return ForetextLoop.of(FineTuning(model, plan(**loop)), batch_of, engine, **loop)


def windows(shape: Shape, batch: int, seed: int) -> Batch:
    """`batch` windows of the context's length, of random ids."""
    ids = np.random.default_rng(seed).integers(0, shape.vocabulary, (batch, shape.context))
    return Batch(ids.ravel(), np.full(batch, shape.context), np.arange(batch))


def sentences(shape: Shape, lengths: list[int], seed: int = 0) -> Batch:
    """A labelled example of random ids for each length, its special tokens counted, of two classes."""
    random = np.random.default_rng(seed)
    start, extract = shape.vocabulary, shape.vocabulary + 2
    texts = [[start, *random.integers(0, shape.vocabulary, length - 2).tolist(), extract] for length in lengths]
    return pack([[text] for text in texts], random.integers(0, 2, len(lengths)).tolist())
