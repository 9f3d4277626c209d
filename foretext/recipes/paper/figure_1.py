"""Figure 1 of the paper, made: how an example of each kind becomes the ids that the model reads."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import islice
from pathlib import Path
from typing import Any

from foretext.checkpoints.find import find_description
from foretext.checkpoints.saved_model import describe
from foretext.evaluation.figures import png, svg
from foretext.files import atomic_file, write_json, write_text
from foretext.recipes.paper.transformations import drawn_transformations
from foretext.recipes.settings.reproduce import ReproduceSettings
from foretext.tasks.catalogue import TASKS
from foretext.tasks.encode import encode
from foretext.tasks.examples import Example
from foretext.tasks.kinds import KINDS, TaskKind
from foretext.tasks.labelled import DATA_FOLDER
from foretext.tasks.schema import TaskSchema
from foretext.tasks.transforms import Nowhere
from foretext.tokenizer import Tokenizer

LOOKED_AT = 100  # examples of a data set, of which the shortest is drawn
FEWEST_WORDS = 5  # of it, if one has as many: SST-2 has phrases of one word
COLUMNS = 110  # of a line of pieces and ids
MARKS = Nowhere(-1, -2, -3)  # special tokens where the parts of a sequence are numbered
SPECIAL = {MARKS.start: "start", MARKS.delimiter: "delimiter", MARKS.extract: "extract"}

# The figure's kinds, with the paper's words for their texts where an example has as many, and an example of ours.
FIELDS: Mapping[str, tuple[tuple[str, ...], Example]] = {
    "classification": (("text",), Example(("The old woman opened the door and smiled.",))),
    "entailment": (("premise", "hypothesis"), Example(("A boy runs along the beach.", "Somebody is outside."))),
    "similarity": (("text 1", "text 2"), Example(("The cat sleeps on a chair.", "A cat is asleep."))),
    "choice": (
        ("document", "question"),
        Example(("It rained all night.", "What was wet in the morning?"), ("The grass.", "The sun.")),
    ),
}
WHAT_THEN = {  # by how the sequences of an example meet in the head
    "one": "the state at [e] goes to the linear layer",
    "add": "the states at the two [e] are added, their sum goes to the linear layer",
    "choose": "the state at each [e] goes to the linear layer, the scores of all answers to one softmax",
}


@dataclass(frozen=True)
class Part:
    """A stretch of a sequence: a special token, or the tokens of one text, or of several with nothing in between."""

    name: str
    pieces: list[str]
    ids: list[int]

    @property
    def special(self) -> bool:
        """Whether it is one of the three special tokens."""
        return self.name in SPECIAL.values()


@dataclass(frozen=True)
class Transformed:
    """One example and its sequences, each a list of parts from start to extract token."""

    kind: str
    source: str
    texts: list[str]
    answers: list[str]
    label: str | None
    combine: str  # of `WHAT_THEN`
    cut: int  # tokens that did not fit into the context
    sequences: list[list[Part]]

    def lines(self) -> Iterator[str]:
        """Pieces over ids, and what becomes of them."""
        label = "" if self.label is None else f", label {self.label}"
        cut = f"; {self.cut:,} tokens did not fit and are cut" if self.cut else ""
        yield f"{self.kind}: {self.source}{label}{cut}"
        for parts in self.sequences:
            yield f"    {' | '.join(part.name for part in parts)}"
            yield from (f"    {line}" for line in _aligned(parts))
        yield f"    {WHAT_THEN[self.combine]}"
        yield ""


@dataclass(frozen=True)
class Figure1:
    """The figure's numbers and where it was drawn."""

    model: str
    pieces: int
    context: int
    examples: list[Transformed]
    folder: Path

    def lines(self) -> list[str]:
        return [
            f"{self.model}: {self.pieces:,} pieces; start {self.pieces}, delimiter {self.pieces + 1}, extract "
            f"{self.pieces + 2}; context {self.context:,}",
            "",
            *[line for example in self.examples for line in example.lines()],
            _other_kinds(),
            f"written to {self.folder}: figure-1.svg, figure-1.png, figure-1.json",
        ]

    def to_json(self) -> dict[str, Any]:
        return {**asdict(self), "folder": str(self.folder)}


def figure_1(settings: ReproduceSettings) -> Figure1:
    """Draws the transformations into `settings.out`, of published examples where some are at hand, else of ours.

    Raises:
        UnknownName: there is no such model.
        DataError: a published file is not as published.
    """
    folder = find_description(settings.model)
    tokenizer, context = Tokenizer.load(folder), describe(folder).model.context
    root = settings.data or (Path(os.environ[DATA_FOLDER]) if os.environ.get(DATA_FOLDER) else None)
    examples = [transformed(kind, *_example(kind, root), tokenizer, context) for kind in FIELDS]
    result = Figure1(settings.model, tokenizer.start, context, examples, settings.out)
    figure = drawn_transformations(examples)
    write_text(settings.out / "figure-1.svg", svg(figure))
    with atomic_file(settings.out / "figure-1.png") as file:
        file.write(png(figure))
    write_json(settings.out / "figure-1.json", result.to_json())
    return result


def transformed(kind: str, example: Example, source: str, tokenizer: Tokenizer, context: int) -> Transformed:
    """The example as `finetune` encodes it for a task of this kind, part by part."""
    task_kind, count = KINDS[kind], len(example.texts)
    choices = ("answers",) if task_kind.has_answers else ()
    schema = TaskSchema(kind=kind, text=tuple(map(str, range(count))), choices=choices)
    unlabelled = Example(example.texts, example.choices)
    [encoded] = encode([unlabelled], schema, tokenizer, context)
    names = _names(kind, count, len(example.choices))
    arranged = task_kind.transform(
        [[k] for k in range(count)], [[count + k] for k in range(len(example.choices))], MARKS
    )
    return Transformed(
        kind=kind,
        source=source,
        texts=list(example.texts),
        answers=list(example.choices),
        label=_label(task_kind, example),
        combine=task_kind.combine,
        cut=encoded.cut,
        sequences=[
            _parts(ids, order, names, tokenizer) for ids, order in zip(encoded.sequences, arranged, strict=True)
        ],
    )


def _names(kind: str, texts: int, answers: int) -> list[str]:
    """What the texts and answers of an example are called."""
    known, _ = FIELDS[kind]
    fields = list(known) if len(known) == texts else ["context", *(f"text {k + 1}" for k in range(1, texts))]
    return fields + [f"answer {k + 1}" for k in range(answers)]


def _parts(ids: Sequence[int], order: Sequence[int], names: Sequence[str], tokenizer: Tokenizer) -> list[Part]:
    """The sequence cut at its special tokens; `order` has the numbers of texts and marks that it is made of."""
    special = {tokenizer.start: "[s]", tokenizer.delimiter: "[$]", tokenizer.extract: "[e]"}
    pieces = tokenizer.vocabulary.pieces
    places = [place for place, number in enumerate(ids) if number in special]
    marks = [place for place, number in enumerate(order) if number in SPECIAL]
    parts = []
    for index, (place, mark) in enumerate(zip(places, marks, strict=True)):
        parts.append(Part(SPECIAL[order[mark]], [special[ids[place]]], [ids[place]]))
        if index + 1 < len(places):
            between = list(ids[place + 1 : places[index + 1]])
            name = ", ".join(names[number] for number in order[mark + 1 : marks[index + 1]])
            parts.append(Part(name, [pieces[number] for number in between], between))
    return parts


def _label(kind: TaskKind, example: Example) -> str | None:
    if example.label is None:
        return None
    return f"answer {int(str(example.label)) + 1}" if kind.has_answers else str(example.label)


def _example(kind: str, root: Path | None) -> tuple[Example, str]:
    """An example of this kind and where it comes from: the paper's data sets are looked for first."""
    for task in TASKS.values() if root else ():
        assert root is not None
        folder = task.folder(root)
        split = next((split for split in ("train", "valid", "test") if task.find(root, split)), None)
        if task.task_kind is not KINDS[kind] or folder is None or split is None:
            continue
        read = [one for one in islice(task.reader(folder, split), LOOKED_AT) if one.label is not None]
        if read:
            found = min(read, key=_shortness)
            return found, f"{task.name}, {found.where}, a short one of its first {len(read)}"
    return FIELDS[kind][1], "made up, as no published data set of this kind is at hand"


def _shortness(example: Example) -> tuple[bool, int]:
    words = sum(len(text.split()) for text in example.texts)
    return words < FEWEST_WORDS, sum(map(len, (*example.texts, *example.choices)))


def _aligned(parts: Sequence[Part]) -> Iterator[str]:
    """Lines of pieces, each over a line of their ids, in columns."""
    cells = [(piece, str(number)) for part in parts for piece, number in zip(part.pieces, part.ids, strict=True)]
    above, below = "", ""
    for piece, number in cells:
        width = max(len(piece), len(number)) + 2
        if above and len(above) + width > COLUMNS:
            yield from (above.rstrip(), below.rstrip())
            above, below = "", ""
        above, below = above + piece.ljust(width), below + number.ljust(width)
    yield from (above.rstrip(), below.rstrip())


def _other_kinds() -> str:
    alike = KINDS["classification"].transform
    others = [name for name, kind in KINDS.items() if name not in FIELDS and kind.transform is alike]
    return f"arranged like these, all texts in one sequence: {', '.join(others)}"
