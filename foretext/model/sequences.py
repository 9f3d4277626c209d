"""A packed batch as tensors, with what the decoder needs to find its way in it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields, replace
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from foretext.batch import NO_BLANK, Attend, Batch, Ids
from foretext.model.tree import SharePrefixes, Tree, grow

OfTensors = TypeVar("OfTensors", "Blanks", "Group", "Joined", "Sequences")

# What attention costs besides its scores, as so many scores of a head; so rows of nearly one length are one group.
SCORES_A_PLACE = 20
SCORES_A_GROUP = 10_000


@dataclass(frozen=True)
class Group:
    """Rows that attention takes side by side in a grid, each filled up to the longest of them."""

    rows: int
    longest: int
    both_ways: bool = False  # whether each token sees its whole row, and not only what is up to itself
    visible: Tensor | None = None  # (rows, longest, longest) or (rows, 1, longest): what it sees where that is less


@dataclass(frozen=True)
class Joined:
    """The tensors of a `Tree`: how sequences that begin alike share their first tokens."""

    places: Tensor  # (tokens of all sequences,)
    before: Tensor  # (tokens,)
    following: Tensor  # (tokens that have one before them,), their places
    visible: Tensor  # (rows, longest_row, longest_row), whether the first token of two sees the second
    row_sequences: tuple[int, ...]  # how many sequences a row holds


@dataclass(frozen=True)
class Blanks:
    """Where a mask stands for a token, which is to be predicted from the place before it."""

    places: Tensor  # (blanks,)
    hidden: Tensor  # (blanks,), the ids of the tokens
    sequences: Tensor  # (blanks,), those that they are in
    counts: Tensor  # (blanks,), how many blanks that sequence has


@dataclass(frozen=True)
class Sequences:
    """Token ids of all sequences end to end, and where each sequence lies.

    lengths   = [3 2]
    positions = [0 1 2 0 1]     place of each token in its own sequence
    slots     = [0 1 2 3 4]     place of each token in the grids of all `groups` of rows, end to end; a grid place
                                that is no token exists only inside attention
    ends      = [2 4]           the last token of each sequence, the extract token in fine-tuning

    A row holds one sequence. Where sequences are `joined`, it holds a tree of them, and a token that they share stands
    once in `tokens`. The last `both_ways` rows are read both ways: each token sees its whole sequence. They are none,
    all, or those with blanks, and such sequences share nothing. A group has rows of one kind, of about one length, in
    their order.
    """

    tokens: Tensor  # (tokens,)
    positions: Tensor  # (tokens,)
    slots: Tensor  # (tokens,)
    ends: Tensor  # (sequences,)
    lengths: Tensor  # (sequences,)
    examples: Tensor  # (sequences,)
    labels: Tensor | None  # (examples, …)
    tags: Tensor | None  # (tokens of all sequences,)
    longest: int
    example_count: int
    row_lengths: tuple[int, ...]
    groups: tuple[Group, ...]
    in_place: bool  # whether the grids have no empty place, and tokens stand in them in their order
    joined: Joined | None = None
    weights: Tensor | None = None  # (examples,)
    both_ways: int = 0
    blanks: Blanks | None = None

    @classmethod
    def of(
        cls,
        batch: Batch,
        device: torch.device | str = "cpu",
        *,
        share_prefixes: SharePrefixes = "no",
        attend: Attend = "causal",
        one_grid: bool = False,
    ) -> Sequences:
        """`batch` on `device`; as trees where that is cheaper and `share_prefixes` allows it.

        With `attend` "both" all sequences are read both ways, else those with blanks, which stand last. With
        `one_grid`, as accelerators and compiled layers like it, rows of a kind are one group, whatever their lengths.

        Raises:
            ValueError: a sequence is empty, or one with blanks stands before one without.
        """
        if not batch.sequence_count or batch.lengths.min() < 1:
            raise ValueError("every sequence of a batch needs at least one token")
        _check_blanks_are_last(batch)
        both_ways = batch.sequence_count if attend == "both" else batch.with_blanks
        tree = None if both_ways else grow(batch, share_prefixes=share_prefixes)
        tokens, ends = batch.tokens, np.cumsum(batch.lengths)
        positions = _places_in(batch.lengths)
        row_lengths = batch.lengths
        if tree is not None:
            row_lengths, ends = tree.row_lengths, tree.places[ends - 1] + 1
            tokens, positions = (_put(values, tree) for values in (tokens, positions))
        members = _members(row_lengths, both_ways, one_grid or torch.device(device).type != "cpu")
        slots, places = _slots(row_lengths, members)
        visible = None if tree is None else _visible(tree)

        def tensor(values: np.ndarray) -> Tensor:
            return torch.from_numpy(np.ascontiguousarray(values)).to(device, non_blocking=True)

        def group(rows: Ids) -> Group:
            lengths = row_lengths[rows]
            longest, both = int(lengths.max()), bool(rows[0] >= len(row_lengths) - both_ways)
            seen = None
            if tree is not None and visible is not None and tree.row_sequences[rows].max() > 1:
                seen = visible[rows, :longest, :longest]
            elif both and lengths.min() < longest:
                seen = _real(lengths, longest)
            return Group(len(rows), longest, both, None if seen is None else tensor(seen))

        return cls(
            tokens=tensor(tokens),
            positions=tensor(positions),
            slots=tensor(slots),
            ends=tensor(ends - 1),
            lengths=tensor(batch.lengths),
            examples=tensor(batch.examples),
            labels=None if batch.labels is None else tensor(batch.labels),
            tags=None if batch.tags is None else tensor(batch.tags),
            longest=int(batch.lengths.max()),
            example_count=batch.example_count,
            row_lengths=tuple(row_lengths.tolist()),
            groups=tuple(map(group, members)),
            in_place=bool(places == len(slots) and (slots == np.arange(places)).all()),
            joined=None
            if tree is None or visible is None
            else Joined(
                places=tensor(tree.places),
                before=tensor(tree.before),
                following=tensor(np.flatnonzero(tree.before >= 0)),
                visible=tensor(visible),
                row_sequences=tuple(tree.row_sequences.tolist()),
            ),
            weights=None if batch.weights is None else tensor(batch.weights.astype(np.float32)),
            both_ways=both_ways,
            blanks=None if batch.blanks is None else Blanks(*map(tensor, _blanks(batch.blanks, batch.lengths))),
        )

    @property
    def sequence_count(self) -> int:
        """How many sequences there are."""
        return len(self.lengths)

    @property
    def rows(self) -> int:
        """How many rows there are: one for each sequence, or for each tree of them."""
        return len(self.row_lengths)

    @property
    def row_sequences(self) -> tuple[int, ...]:
        """How many sequences each row holds; more than one make a tree."""
        return (1,) * self.rows if self.joined is None else self.joined.row_sequences

    @property
    def visible(self) -> Tensor | None:
        """Which tokens of its row each token sees, `(rows, longest_row, longest_row)`; None where rows are no trees."""
        return None if self.joined is None else self.joined.visible

    def moved(self, move: Callable[[Tensor], Tensor]) -> Sequences:
        """The same with each of its tensors as `move` gives it."""
        joined = None if self.joined is None else _moved(self.joined, move)
        blanks = None if self.blanks is None else _moved(self.blanks, move)
        groups = tuple(_moved(group, move) for group in self.groups)
        return _moved(replace(self, joined=joined, blanks=blanks, groups=groups), move)

    def spread(self, values: Tensor) -> list[Tensor]:
        """`(tokens, …)` laid out as a grid `(rows, longest, …)` for each group, zero where there is no token."""
        sizes = [group.rows * group.longest for group in self.groups]
        places = values
        if not self.in_place:
            places = values.new_zeros(sum(sizes), *values.shape[1:]).index_copy_(0, self.slots, values)
        grids = zip(torch.split(places, sizes), self.groups, strict=True)
        return [grid.view(group.rows, group.longest, *values.shape[1:]) for grid, group in grids]

    def gather(self, grids: Sequence[Tensor]) -> Tensor:
        """The groups' grids `(rows, longest, …)` back to `(tokens, …)`: the inverse of `spread`."""
        places = torch.cat([grid.flatten(0, 1) for grid in grids])
        return places if self.in_place else places.index_select(0, self.slots)

    def unjoined(self, values: Tensor) -> Tensor:
        """`(tokens, …)` as every sequence has them, end to end: `(tokens of all sequences, …)`."""
        return values if self.joined is None else values.index_select(0, self.joined.places)

    def owners(self) -> Tensor:
        """The sequence of each token of all sequences: `(tokens of all sequences,)`."""
        count = len(self.tokens) if self.joined is None else len(self.joined.places)
        return torch.repeat_interleave(self.lengths, output_size=count)

    def before(self, places: Tensor) -> Tensor:
        """The place of the token that comes before, for each of `places`, none of which begins a sequence."""
        return places - 1 if self.joined is None else self.joined.before.index_select(0, places)

    def previous(self, values: Tensor) -> Tensor:
        """`values` `(tokens, …)` of the token before each in its sequence; 0 for one that begins a sequence."""
        moved = values.roll(1, 0) if self.joined is None else values.index_select(0, self.joined.before.clamp(min=0))
        begins = (self.positions == 0).view(-1, *[1] * (values.dim() - 1))
        return moved.masked_fill(begins, 0.0)

    def predicted(self, weights: Tensor) -> tuple[Tensor, Tensor]:
        """The places of all tokens that have one before them, and the weight of the sequence that each is in.

        `weights` is `(sequences,)`. A token that sequences share is there once, with the sum of their weights. One
        that is seen by those before it is not there: nothing could be learned from it.
        """
        if self.joined is None:
            causal = self.sequence_count - self.both_ways
            count = sum(self.row_lengths[:causal]) - causal
            owners = torch.repeat_interleave(self.lengths[:causal] - 1, output_size=count)
            places = torch.arange(1, count + 1, device=owners.device) + owners  # past one that begins for each owner
            return places, weights.index_select(0, owners)
        places = self.joined.following
        sums = weights.new_zeros(len(self.tokens))
        of_tokens = torch.repeat_interleave(weights, self.lengths, output_size=len(self.joined.places))
        sums = sums.index_add(0, self.joined.places, of_tokens)
        return places, sums.index_select(0, places)

    def mean(self, values: Tensor) -> Tensor:
        """The mean of `values` `(tokens, …)` over the tokens of each sequence: `(sequences, …)`."""
        total = values.new_zeros((self.sequence_count, *values.shape[1:]))
        return total.index_add(0, self.owners(), self.unjoined(values)) / self.lengths[:, None]

    def by_example(self, values: Tensor) -> Tensor:
        """The sum of `values` `(sequences, …)` over the sequences of each example: `(examples, …)`."""
        total = values.new_zeros((self.example_count, *values.shape[1:]))
        return total.index_add(0, self.examples, values)


def _places_in(lengths: Ids) -> Ids:
    """0, 1, 2, … for each of the lengths, end to end."""
    ends = np.cumsum(lengths)
    places: Ids = np.arange(int(ends[-1])) - np.repeat(ends - lengths, lengths)
    return places


def _check_blanks_are_last(batch: Batch) -> None:
    """Nothing, if the sequences with blanks stand behind all others.

    Raises:
        ValueError: they do not.
    """
    if count := batch.with_blanks:
        assert batch.blanks is not None
        first = int((batch.blanks != NO_BLANK).argmax())
        if first < int(batch.lengths[:-count].sum()):
            raise ValueError("sequences with blanks stand behind all others of a batch")


def _members(row_lengths: Ids, both_ways: int, one_grid: bool) -> list[Ids]:
    """The rows of each group: those that are read both ways, the last, apart from the others."""
    kinds = np.split(np.arange(len(row_lengths)), [len(row_lengths) - both_ways])
    kinds = [rows for rows in kinds if len(rows)]
    return kinds if one_grid else [part for rows in kinds for part in _alike(rows, row_lengths[rows])]


def _alike(rows: Ids, lengths: Ids) -> list[Ids]:
    """`rows` in groups of like `lengths`, cut where that costs least."""
    longest, counts = np.unique(lengths, return_counts=True)
    longest, counts = longest[::-1], counts[::-1]
    passed = np.concatenate([[0], np.cumsum(counts)])  # how many rows are longer
    of_a_row = longest * (longest + SCORES_A_PLACE)
    costs, begins = np.zeros(len(longest) + 1), np.zeros(len(longest) + 1, dtype=np.int64)
    for end in range(1, len(costs)):
        ways = costs[:end] + (passed[end] - passed[:end]) * of_a_row[:end]
        begins[end] = ways.argmin()
        costs[end] = ways[begins[end]] + SCORES_A_GROUP
    groups, end = [], len(longest)
    while end:
        groups.append(rows[(lengths >= longest[end - 1]) & (lengths <= longest[begins[end]])])
        end = int(begins[end])
    return groups


def _slots(row_lengths: Ids, members: Sequence[Ids]) -> tuple[Ids, int]:
    """The place of each token in all groups' grids, and how many places these have."""
    begins, places = np.empty(len(row_lengths), dtype=np.int64), 0
    for rows in members:
        longest = int(row_lengths[rows].max())
        begins[rows] = places + longest * np.arange(len(rows))
        places += longest * len(rows)
    return _places_in(row_lengths) + np.repeat(begins, row_lengths), places


def _real(row_lengths: Ids, longest_row: int) -> npt.NDArray[np.bool_]:
    """Which places of the grid hold a token, `(rows, 1, longest_row)`."""
    real: npt.NDArray[np.bool_] = np.arange(longest_row) < row_lengths[:, None, None]
    return real


def _blanks(blanks: Ids, lengths: Ids) -> tuple[Ids, Ids, Ids, Ids]:
    """The four arrays of `Blanks`."""
    places = np.flatnonzero(blanks != NO_BLANK)
    owners = np.repeat(np.arange(len(lengths)), lengths)[places]
    return places, blanks[places], owners, np.bincount(owners, minlength=len(lengths))[owners]


def _put(values: Ids, tree: Tree) -> Ids:
    """One of the values of all sequences that a tree's token has; they are equal."""
    taken = np.empty(len(tree.before), dtype=values.dtype)
    taken[tree.places] = values
    return taken


def _visible(tree: Tree) -> npt.NDArray[np.bool_]:
    """Which places of its row each place sees, `(rows, longest_row, longest_row)`."""
    columns, longest_row = _places_in(tree.row_lengths), int(tree.row_lengths.max())
    rows = np.repeat(np.arange(len(tree.row_lengths)), tree.row_lengths)
    closes = np.zeros((len(tree.row_lengths), longest_row), dtype=np.int64)
    closes[rows, columns] = tree.closes - np.arange(len(columns)) + columns  # as columns
    place = np.arange(longest_row)
    seen = (place <= place[:, None]) & (place[:, None] < closes[:, None, :])
    visible: npt.NDArray[np.bool_] = seen | (place == place[:, None])  # one that is no token sees itself, not nothing
    return visible


def _moved(holder: OfTensors, move: Callable[[Tensor], Tensor]) -> OfTensors:
    values = {field.name: getattr(holder, field.name) for field in fields(holder)}
    moved: dict[str, Any] = {name: move(value) for name, value in values.items() if isinstance(value, Tensor)}
    return replace(holder, **moved)
