"""Story Cloze (Mostafazadeh et al. 2016): four sentences and two endings, in quoted CSV.

The publisher's training file has stories without wrong endings, so one trains on part of the validation file; which
part follows from the seed of the released code (recipe point 14).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from foretext.errors import DataError
from foretext.tasks.examples import Example
from foretext.tasks.labels.answers import AnswerLabels
from foretext.tasks.published.splits import Files, Reader, Split
from foretext.tasks.published.table_reader import Layout, TableReader

HELD_OUT = 374  # of the 1,871 stories of the validation file; 1,497 are left to train on
SEED = 3_535_999_445  # of the released code

_VALIDATION = (
    "cloze_test_val__spring2016.csv",
    "cloze_test_val__spring2016 - cloze_test_ALL_val.csv",
)
_FILES: Files = {
    "train": _VALIDATION,
    "valid": _VALIDATION,
    "test": (
        "cloze_test_test__spring2016.csv",
        "cloze_test_test__spring2016 - cloze_test_ALL_test.csv",
    ),
}

_LAYOUT = Layout(
    text=(tuple(f"InputSentence{number}" for number in (1, 2, 3, 4)),),
    answers=("RandomFifthSentenceQuiz1", "RandomFifthSentenceQuiz2"),
    label="AnswerRightEnding",
    id="InputStoryid",
)


@dataclass(frozen=True)
class StoryReader:
    """Reads the stories, of whose one file for training and validation the released code holds a part out."""

    table: Reader

    @property
    def files(self) -> Files:
        """The files of each split."""
        return self.table.files

    def __call__(self, folder: Path, split: Split) -> Iterator[Example]:
        """The stories of one split, each with two endings; those of training and validation as the released code draws.

        Raises:
            DataError: the file is not there or not as published.
        """
        stories = list(self.table(folder, split))
        if split == "test":
            yield from stories
            return
        if len(stories) <= HELD_OUT:
            raise DataError(f"{folder}: {len(stories)} stories are too few to hold out {HELD_OUT} of them")
        from sklearn.model_selection import train_test_split

        train, valid = train_test_split(stories, test_size=HELD_OUT, random_state=SEED)
        yield from train if split == "train" else valid


READER = StoryReader(TableReader(_FILES, (_LAYOUT,), labels=AnswerLabels("index1")))
