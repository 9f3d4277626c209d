"""The kinds of task: all that a kind decides is said here, once, and nobody else asks what the kind is.

What needs tensors stands in `foretext.model.heads`, a small class for each target.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal

from foretext.batch import Combine
from foretext.errors import SettingsError, UnknownName
from foretext.settings import flag
from foretext.tasks.examples import Label
from foretext.tasks.files import names
from foretext.tasks.labels.answers import AnswerLabels
from foretext.tasks.labels.classes import ClassLabels
from foretext.tasks.labels.form import Cell, LabelForm, LabelOptions, Remembered
from foretext.tasks.labels.ordered import OrderedLabels
from foretext.tasks.labels.scores import ScoreLabels
from foretext.tasks.labels.sets import SetLabels
from foretext.tasks.labels.spans import SpanLabels
from foretext.tasks.signs import Sign
from foretext.tasks.transforms import NOWHERE, Transform, in_both_orders, in_one_sequence, one_sequence_an_answer

Heuristic = Literal["acceptability", "sentiment", "question-answering", "winograd"]
Features = Literal["texts", "pair", "answers", "words"]


@dataclass(frozen=True)
class TaskKind:
    """One kind of task."""

    name: str
    texts: Callable[[names.PlainNames], tuple[str, ...]]  # which columns hold them, by their names; none: unknown
    label_names: tuple[str, ...]  # what the column of the label may be called, best first
    forms: tuple[type[LabelForm], ...]  # what labels may be; of several the first that fits, the last of them always
    fewest: int = 1  # texts of an example
    most: int | None = None  # None: any number
    has_answers: bool = False  # an example has answers of its own, to choose among
    takes_words: bool = False  # a text may be a list of words
    transform: Transform = in_one_sequence  # Figure 1 of the paper
    combine: Combine = "one"  # how the sequences of an example meet in the head
    reads: Literal["tokens"] | None = None  # the states that the head reads, where a person has no choice
    scale: Literal["grades", "value"] = "value"  # how scores are learned unless a person says otherwise
    paper_scale: bool = False  # whether the paper has scores of this kind (recipe point 16)
    features: Features = "texts"  # what word counts see of an example, in the baseline
    heuristics: tuple[Heuristic, ...] = ()  # those that a language model can answer it by without training
    usual_heuristic: Heuristic | None = None  # the one to take if nothing is said
    sign: Sign | None = None  # what in the data speaks for it where nobody names a kind; None: it must be named
    in_table_1: str = ""  # what the paper's Table 1 calls tasks of this kind; empty: it has none
    pipeline: str = "text-classification"  # what the Hugging Face Hub calls models for it
    note: str = ""  # what to know of it, said before training

    def form(self, cells: Sequence[Cell], options: LabelOptions, *, order: tuple[str, ...] = ()) -> LabelForm:
        """What the labels of a training file are, from their cells; `order` is that of the classes, if it has one.

        Raises:
            SettingsError: they can be read in several ways, and nobody said which; or an option is for other labels.
        """
        *others, last = self.forms
        form = next((form for form in others if form.fits(cells, options)), last)
        self._refuse_options(form, options)
        return form.found(cells, replace(options, order=options.order or order))

    def form_of_labels(self, labels: Sequence[Label], options: LabelOptions) -> LabelForm:
        """What labels are that are no cells any more.

        Raises:
            SettingsError: an option is for other labels.
        """
        *others, last = self.forms
        form = next((form for form in others if all(map(form.holds, labels))), last)
        self._refuse_options(form, options)
        return form.found((), LabelOptions(labels="auto", answer_labels="index0"))

    def labels(self, schema: Remembered) -> LabelForm:
        """What the labels of a task are, from what its schema remembers."""
        *others, last = self.forms
        return next((form for form in others if form.remembered_by(schema)), last).of(schema)

    def takes_option(self, name: str) -> bool:
        """Whether that field of `LabelOptions` may mean something here; `labels` does where there are several forms."""
        return len(self.forms) > 1 if name == "labels" else any(name in form.takes for form in self.forms)

    def _refuse_options(self, form: type[LabelForm], options: LabelOptions) -> None:
        """Nothing, unless an option is given that such labels do not take.

        Raises:
            SettingsError: it would be ignored.
        """
        agreed = self.takes_option("labels") or options.labels == form.name
        takes = (*form.takes, *(("labels",) if agreed else ()))
        for name in options.given():
            if name not in takes:
                kinds = [kind.name for kind in KINDS.values() if kind.takes_option(name)]
                these = f"{self.name}, whose labels are {form.name}s" if self.name in kinds else self.name
                raise SettingsError(f"{flag(name)} is for {', '.join(kinds)}; this is {these}")

    def special_tokens(self, texts: int) -> int:
        """How many special tokens stand in a sequence made of so many texts."""
        return len(self.transform([[]] * texts, [[]], NOWHERE)[0])

    def count_of_texts(self) -> str:
        """How many texts it takes, in words."""
        return f"{self.fewest}" if self.most == self.fewest else f"{self.fewest} or more"

    def takes(self, texts: int) -> bool:
        """Whether an example may have so many texts."""
        return self.fewest <= texts and (self.most is None or texts <= self.most)


KINDS = {
    kind.name: kind
    for kind in (
        TaskKind(
            name="classification",
            texts=names.a_text,
            label_names=names.CLASS_LABELS,
            forms=(ClassLabels,),
            heuristics=("acceptability", "sentiment"),
            sign="text",
            in_table_1="classification",
        ),
        TaskKind(
            name="entailment",
            fewest=2,
            most=2,
            texts=names.a_pair,
            label_names=names.CLASS_LABELS,
            forms=(ClassLabels,),
            sign="pair",
            in_table_1="natural language inference",
        ),
        TaskKind(
            name="similarity",
            fewest=2,
            most=2,
            texts=names.a_pair,
            label_names=names.SCORE_LABELS,
            forms=(ScoreLabels, ClassLabels),
            transform=in_both_orders,
            combine="add",
            features="pair",
            scale="grades",
            paper_scale=True,
            sign="graded pair",
            in_table_1="sentence similarity",
        ),
        TaskKind(
            name="choice",
            texts=names.a_document_and_a_question,
            label_names=names.ANSWER_LABELS,
            forms=(AnswerLabels,),
            transform=one_sequence_an_answer,
            combine="choose",
            features="answers",
            has_answers=True,
            heuristics=("question-answering", "winograd"),
            usual_heuristic="question-answering",
            sign="answers",
            in_table_1="question answering, commonsense",
        ),
        TaskKind(
            name="regression",
            texts=names.a_pair_or_a_text,
            label_names=names.SCORE_LABELS,
            forms=(ScoreLabels,),
            sign="numbers",
        ),
        TaskKind(
            name="multi-label",
            texts=names.a_pair_or_a_text,
            label_names=("labels", *names.CLASS_LABELS, "topics", "tags", "categories", "genres", "keywords"),
            forms=(SetLabels,),
            sign="sets",
        ),
        TaskKind(
            name="ordinal",
            texts=names.a_pair_or_a_text,
            label_names=names.CLASS_LABELS,
            forms=(OrderedLabels,),
            scale="grades",
        ),
        TaskKind(
            name="tagging",
            most=1,
            texts=names.a_text_or_its_words,
            label_names=("spans", "entities", "annotations", "ner_tags", "bio", *names.CLASS_LABELS, "tags"),
            forms=(SpanLabels,),
            features="words",
            sign="spans",
            reads="tokens",
            takes_words=True,
            pipeline="token-classification",
            note="a token's tag follows from the text up to it, since the decoder sees nothing behind a token; "
            "--read-twice lets it see all",
        ),
    )
}

# The name of a kind where a person gives it: one of the table's, known to help and checks.
if TYPE_CHECKING:
    Kind = str
else:
    Kind = Literal[tuple(KINDS)]


def find_kind(name: str) -> TaskKind:
    """The kind of that name.

    Raises:
        UnknownName: there is none.
    """
    if name not in KINDS:
        raise UnknownName("kind of task", name, KINDS)
    return KINDS[name]
