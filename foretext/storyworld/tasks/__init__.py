"""Labelled tasks about stories that no corpus tells; every label follows from the facts, none from the words alone."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from foretext.storyworld.tasks import alike, cloze, ending, follows, grammar, reading
from foretext.storyworld.tasks.row import Labelled


@dataclass(frozen=True)
class StoryTask:
    """A task by name: its kind, the columns of its texts and its label, its metric, and how its examples are made."""

    name: str
    kind: str
    texts: tuple[str, ...]
    metric: str
    examples: Callable[[int, int], list[Labelled]]
    label: str = "label"
    answers: str | None = None  # the column of the answers to choose from

    def file(self, folder: Path, part: str) -> Path:
        """Where the examples of `part`, train or test, are written under `folder`."""
        return folder / "tasks" / self.name / f"{part}.{'jsonl' if self.answers else 'csv'}"


TASKS = {
    task.name: task
    for task in (
        StoryTask("ending", "classification", ("text",), "accuracy", ending.examples),
        StoryTask("grammar", "classification", ("text",), "accuracy", grammar.examples),
        StoryTask("follows", "entailment", ("premise", "hypothesis"), "accuracy", follows.examples),
        StoryTask("alike", "similarity", ("first", "second"), "pearson", alike.examples, label="score"),
        StoryTask("cloze", "choice", ("story",), "accuracy", cloze.examples, answers="answers"),
        StoryTask("reading", "choice", ("document", "question"), "accuracy", reading.examples, answers="answers"),
    )
}

__all__ = ["TASKS", "Labelled", "StoryTask"]
