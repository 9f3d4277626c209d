"""How much of a batch fits into memory at once: what `--micro-batch auto` finds out.

Memory goes at most with the cells of one grid of all sequences, sequences × longest, in which attention works on an
accelerator; a CPU fills up less. So what is found is a number of cells, and every batch is cut into parts that have at
most so many; gradients add up to the same whatever the parts.

On an accelerator the first try is the whole batch, and each failure for want of memory halves the number. A CPU does
not fail but swaps, or is killed, so there the number follows from free memory and from what a cell was seen to take.
"""

from __future__ import annotations

import os
import weakref
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from foretext.batch import Batch

# Of free memory that is left for a part of a batch: the rest is for holes between blocks and what kernels take.
FREE_SHARE = 0.6


def grid_cells(batch: Batch) -> int:
    """Cells of the padded grid of a batch, whether a token stands in them or not: sequences × longest."""
    return batch.sequence_count * int(batch.lengths.max(initial=0))


def examples_within(batch: Batch, most: int) -> int:
    """How many examples of `batch` may be in memory at once so that no part has more than `most` cells (0: any)."""
    if not most:
        return max(1, batch.example_count)
    largest = int(np.bincount(batch.examples).max()) * int(batch.lengths.max())
    return max(1, min(batch.example_count, most // largest))


def cells_that_fit(step: Callable[[Batch], None], batch: Batch, free: int, *, held: Iterable[Tensor] = ()) -> int:
    """How many cells fit into `free` bytes, from what `step` takes for one and for two examples of `batch`.

    0 where the batch has one example: there is nothing to cut. `held` are the tensors that are there before.
    """
    one, two = (max(batch.split(count), key=grid_cells) for count in (1, 2))
    if grid_cells(one) == grid_cells(two):
        return 0
    small, large = (peak_bytes(step, part, held=held) for part in (batch.split(1)[0], two))
    each = max(1.0, (large - small) / max(1, grid_cells(two) - grid_cells(batch.split(1)[0])))
    constant = large - each * grid_cells(two)
    return max(1, int((free - constant) * FREE_SHARE / each))


def peak_bytes(step: Callable[[Batch], None], batch: Batch, *, held: Iterable[Tensor] = ()) -> int:
    """The most bytes that tensors made by `step(batch)` take at one moment."""
    with _Allocations(held) as allocations:
        step(batch)
    return int(allocations.peak)


class _Allocations(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Counts the bytes of the storages that operations make, from when they come until they go."""

    def __init__(self, held: Iterable[Tensor]) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.now = self.peak = 0
        self.known = {tensor.untyped_storage()._cdata for tensor in held}

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        result = func(*args, **(kwargs or {}))
        for value in tree_leaves(result):
            if isinstance(value, Tensor):
                self._note(value.untyped_storage())
        return result

    def _note(self, storage: torch.UntypedStorage) -> None:
        key = storage._cdata
        if key not in self.known:
            self.known.add(key)
            self.now += storage.nbytes()
            self.peak = max(self.peak, self.now)
            weakref.finalize(storage, self._gone, key, storage.nbytes()).atexit = False

    def _gone(self, key: int, size: int) -> None:
        self.known.discard(key)
        self.now -= size


def free_memory() -> int:
    """Bytes that this process can still take without swapping: of the machine, or of the container it runs in."""
    free = [_available()]
    group = Path("/sys/fs/cgroup")
    try:
        limit = (group / "memory.max").read_text().strip()
        if limit != "max":
            free.append(int(limit) - int((group / "memory.current").read_text()))
    except (OSError, ValueError):
        pass  # no control group of version 2: no limit is known
    return max(0, min(free))


def _available() -> int:
    """Of the machine: what Linux says is available, elsewhere half of what is built in."""
    try:
        lines = dict(line.split(":", 1) for line in Path("/proc/meminfo").read_text().splitlines())
        return int(lines["MemAvailable"].split()[0]) * 1024
    except (OSError, KeyError, ValueError):
        return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") // 2


def is_out_of_memory(error: BaseException) -> bool:
    """Whether torch found no room for a tensor, on whatever device."""
    text = str(error)
    return isinstance(error, torch.OutOfMemoryError) or any(
        words in text for words in ("out of memory", "can't allocate memory", "not enough memory")
    )
