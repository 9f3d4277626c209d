"""What many tests build: tiny models and packed batches, small enough to check by hand."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from foretext.batch import Batch, pack


@pytest.fixture(scope="session")
def real_data() -> Path:
    """The folder of real books and tasks; tests that need it are skipped where FORETEXT_DATA names none."""
    folder = os.environ.get("FORETEXT_DATA")
    if not folder:
        pytest.skip("FORETEXT_DATA names no folder of real data")
    return Path(folder)


@pytest.fixture
def random_batch() -> Callable[..., Batch]:
    """A function that makes a batch of random ids: `random_batch([[3], [4, 5]])` has sequences of these lengths."""

    def make(lengths: list[list[int]], *, vocabulary: int = 20, labels: list[int] | None = None, seed: int = 0) -> Batch:
        random = np.random.default_rng(seed)
        return pack([[random.integers(0, vocabulary, length) for length in example] for example in lengths], labels)

    return make
