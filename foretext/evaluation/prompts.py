"""What each zero-shot heuristic lets a language model compare: an example as sequences of ids, partly scored.

    acceptability        [the boys is here]
    sentiment            a gorgeous film very [negative]     a gorgeous film very [positive]
    question-answering   document question [first answer]    document question [second answer] …
    winograd             Ann saw Bo as Ann [ran away .]      Ann saw Bo as Bo [ran away .]

What stands in brackets is scored, the rest is given. What does not fit the context loses the beginning of what is
given, or the end of what is scored where that alone is too long; it is counted.

Source: Radford et al. 2018, section 5, "Zero-shot Behaviors".
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from foretext.errors import DataError, SettingsError
from foretext.tasks.encode import Encoder
from foretext.tasks.examples import Encoded, Example
from foretext.tasks.kinds import KINDS, Heuristic
from foretext.tasks.pronouns import BLANK, around_pronoun, put_in_place
from foretext.tasks.schema import TaskSchema
from foretext.tasks.unread import Unread
from foretext.tokenizer.unknown import Reads

Prompt = tuple[tuple[str, ...], str]  # the texts that are given, one behind the other, and the one that is scored

SUFFIX = "very"  # section 5
WORDS = ("negative", "positive")


@dataclass(frozen=True)
class ZeroShotTask:
    """A task as a language model can answer it without training.

    `training` decides the threshold of acceptability and nothing else; without any, the threshold is the median of
    the scored sentences. `words` stand for the classes in their order.

    Raises:
        SettingsError: the heuristic does not fit the task.
    """

    heuristic: Heuristic
    schema: TaskSchema
    examples: Sequence[Example]
    training: Sequence[Example] = ()
    suffix: str = SUFFIX
    words: tuple[str, ...] = WORDS

    def __post_init__(self) -> None:
        classes, texts = self.schema.classes, len(self.schema.text)
        if self.heuristic not in self.schema.task_kind.heuristics:
            wanted = " or ".join(name for name, kind in KINDS.items() if self.heuristic in kind.heuristics)
            raise SettingsError(
                f"{self.heuristic} is a heuristic for tasks of kind {wanted}; this one is {self.schema.kind}"
            )
        if self.heuristic == "acceptability" and (len(classes) != 2 or texts != 1):
            raise SettingsError(
                f"acceptability takes one text and two classes; this task has {texts} and {len(classes)}"
            )
        if self.heuristic == "winograd" and texts > 2:
            raise SettingsError(f"winograd takes a sentence and its pronoun; this task has {texts} texts")
        if self.heuristic == "sentiment" and len(self.words) != len(classes):
            raise SettingsError(
                f"the classes {', '.join(classes)} need a word each, in this order; given: {', '.join(self.words)}"
            )


@dataclass(frozen=True)
class Question:
    """An example as ids: one sequence for each thing to compare, scored from its token `start` on."""

    encoded: Encoded
    starts: list[int]


@dataclass(frozen=True)
class EncodedTask:
    """A task in the ids of one tokenizer, for models of one context."""

    task: ZeroShotTask
    questions: list[Question]
    training: list[Question]

    @property
    def cut(self) -> int:
        """How many of the scored examples did not fit the context whole."""
        return sum(question.encoded.cut > 0 for question in self.questions)


def encode_zero_shot(task: ZeroShotTask, tokenizer: Encoder, context: int) -> EncodedTask:
    """The task as a model with this tokenizer and context reads it.

    Raises:
        DataError: an example has nothing to score, or not the pronoun it asks for; the message says where it was read.
    """
    training = task.training if task.heuristic == "acceptability" else ()
    asked = [_questions(task, examples, tokenizer, context) for examples in (task.examples, training)]
    return EncodedTask(task, *asked)


def unread_of(encoded: EncodedTask, tokenizer: Reads) -> Unread:
    """What the model does not get to see of the scored examples."""
    unread = Unread(tokenizer, None)
    unread.add(encoded.task.examples, [question.encoded for question in encoded.questions])
    return unread


def _questions(task: ZeroShotTask, examples: Sequence[Example], tokenizer: Encoder, context: int) -> list[Question]:
    prompts = [_prompts(task, example) for example in examples]
    texts = list(dict.fromkeys(text for some in prompts for given, scored in some for text in (*given, scored)))
    ids = dict(zip(texts, tokenizer.encode_batch(texts), strict=True))
    return [
        _question([([k for text in given for k in ids[text]], ids[scored]) for given, scored in some], context, example)
        for example, some in zip(examples, prompts, strict=True)
    ]


def _prompts(task: ZeroShotTask, example: Example) -> list[Prompt]:
    """What the heuristic compares, as text."""
    if task.heuristic == "acceptability":
        return [((), example.texts[0])]
    if task.heuristic == "sentiment":
        return [((*example.texts, task.suffix), word) for word in task.words]
    if task.heuristic == "question-answering":
        return [(example.texts, answer) for answer in example.choices]
    sentence, pronoun = (*example.texts, BLANK)[:2]
    try:
        before, behind = around_pronoun(sentence, pronoun, example.choices)
    except DataError as error:
        raise DataError(f"{example.where}: {error}") from error
    return [((before + put_in_place(candidate, pronoun),), behind) for candidate in example.choices]


def _question(pairs: list[tuple[list[int], list[int]]], context: int, example: Example) -> Question:
    """The pairs of given and scored ids as sequences of at most `context`; all of them give up the same room."""
    longest = max(len(scored) for _, scored in pairs)
    sequences, starts, lost = [], [], 0
    for given, scored in pairs:
        kept = given[max(0, len(given) - max(1, context - longest)) :]
        sequence = [*kept, *scored][:context]
        if len(sequence) <= max(1, len(kept)):
            raise DataError(f"{example.where}: there is nothing to score; it takes a token that is predicted")
        sequences.append(sequence)
        starts.append(len(kept))
        lost += len(given) + len(scored) - len(sequence)
    return Question(Encoded(sequences, cut=lost), starts)
