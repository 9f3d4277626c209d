"""A saved model turns examples into vectors: the last layer's states, of one token or all.

A fine-tuned model reads an example as in training, and its vector is the state of the extract token, which the head
reads. A language model reads the text alone, without special tokens, as much of it as the context holds; its vector is
the state of the last token. With the pool `mean` it is the mean over all tokens of either; with `attend` "both" each
token of a language model sees the whole text. Where an example has several sequences (both orders of a pair, one for
each answer), its vector is their mean. Always computed in fp32.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from typing import Literal

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from foretext.batch import Attend
from foretext.checkpoints.saved_model import SavedModel
from foretext.errors import DataError, SettingsError
from foretext.model.gpt import GPT
from foretext.progress import Progress
from foretext.serving.predictor import CHUNK, CPU_TOKENS_PER_BATCH
from foretext.tasks.batching import TOKENS_PER_BATCH, length_sorted
from foretext.tasks.encode import encode
from foretext.tasks.examples import Encoded, Example
from foretext.tasks.unread import Unread

Pool = Literal["last", "mean"]
Vectors = npt.NDArray[np.float32]  # (examples, width)


def vectors_of(
    saved: SavedModel,
    examples: Iterable[Example],
    *,
    pool: Pool = "last",
    attend: Attend | None = None,
    tokens_per_batch: int = 0,
    bar: Progress,
    unread: Unread,
) -> Iterator[Vectors]:
    """The vectors of examples in their order, some thousand at a time; the model stays on its device.

    What was cut and what is unknown is counted in `unread`.

    Raises:
        DataError: a text for a language model holds no token.
        SettingsError: the model does not read in the way that `attend` asks for.
    """
    source, row = iter(examples), 0
    how = _how_to_read(saved, attend)
    while chunk := list(islice(source, CHUNK)):
        encoded = _encoded(saved, chunk, row)
        unread.add(chunk, encoded)
        yield _vectors(saved.gpt, encoded, pool, how, tokens_per_batch, bar)
        row += len(chunk)


def _how_to_read(saved: SavedModel, asked: Attend | None) -> Attend:
    own = saved.gpt.attend
    if asked in (None, own):
        return own
    if saved.gpt.head is not None:
        raise SettingsError(f"this model was fine-tuned with --attend {own} and reads so; leave out --attend {asked}")
    if saved.gpt.settings.backbone != "transformer":
        raise SettingsError(f"--attend {asked} is for Transformers; an LSTM reads each text from its start")
    return "both"


def _encoded(saved: SavedModel, examples: Sequence[Example], before: int) -> list[Encoded]:
    context = saved.gpt.settings.context
    if saved.task is not None:
        return encode(examples, saved.task, saved.tokenizer, context)
    ids = saved.tokenizer.encode_batch([text for example in examples for text in example.texts])
    empty = next((number for number, found in enumerate(ids) if not found), None)
    if empty is not None:
        place = examples[empty].where or f"row {before + empty + 1}"
        raise DataError(f"{place}: the text holds no token, so a language model has no state for it")
    return [Encoded([found[:context]], cut=max(0, len(found) - context)) for found in ids]


def _vectors(
    gpt: GPT, encoded: Sequence[Encoded], pool: Pool, attend: Attend, tokens_per_batch: int, bar: Progress
) -> Vectors:
    most = CPU_TOKENS_PER_BATCH if gpt.embedding.device.type == "cpu" else TOKENS_PER_BATCH
    found = np.empty((len(encoded), gpt.settings.width), dtype=np.float32)
    with gpt.evaluating(), torch.inference_mode():
        for indices, batch in length_sorted(encoded, tokens_per_batch or most):
            sequences = gpt.sequences(batch, attend=attend)
            states = gpt(sequences, sequences.ends).states if pool == "last" else sequences.mean(gpt(sequences).states)
            found[indices] = _by_example(states, sequences.examples, len(indices)).float().cpu().numpy()
            bar.advance(len(indices))
    return found


def _by_example(states: Tensor, examples: Tensor, count: int) -> Tensor:
    """The mean of the states `(sequences, width)` of each example, `(count, width)`."""
    sums = states.new_zeros(count, states.shape[1]).index_add_(0, examples, states)
    return sums / torch.bincount(examples, minlength=count).unsqueeze(1)
