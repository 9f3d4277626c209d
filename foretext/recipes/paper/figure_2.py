"""Figure 2 of the paper, made again: layers transferred (left), and zero-shot scores over pre-training (right)."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from foretext.checkpoints.find import split_name
from foretext.errors import DataError
from foretext.evaluation.figures import png, svg
from foretext.evaluation.zero_shot_tasks import PAPER_TASKS, ZeroShotSettings
from foretext.files import atomic_file, write_json, write_text
from foretext.recipes.paper.at_hand import at_hand
from foretext.recipes.paper.departures import departure_lines
from foretext.recipes.settings.reproduce import ReproduceSettings
from foretext.recipes.settings.study import StudyLayersSettings, StudyZeroShotSettings
from foretext.recipes.studies.figures import both_halves
from foretext.recipes.studies.layers import study_layers
from foretext.recipes.studies.runner import Studied
from foretext.recipes.studies.zero_shot import study_zero_shot
from foretext.tasks.labelled import LabelledDataSettings

LEFT = ("RACE", "MNLI")  # the figure's tasks; right: `PAPER_TASKS`


@dataclass(frozen=True)
class Halves:
    """The studies that the figure's halves are, None where no data are at hand; what the missing tasks lack."""

    left: StudyLayersSettings | None
    right: StudyZeroShotSettings | None
    missing: list[str]


@dataclass(frozen=True)
class Figure2:
    """The two studies, each None where none of its data are at hand."""

    left: Studied | None
    right: Studied | None
    missing: list[str]
    folder: Path

    def lines(self) -> list[str]:
        lines = []
        for title, studied in (("left: layers transferred", self.left), ("right: zero-shot", self.right)):
            lines += [title, "", *(studied.lines() if studied else ["not measured"]), ""]
        return [
            *lines,
            *(departure_lines(self.left.departures) if self.left else []),
            *[f"not measured: {line}" for line in self.missing],
            f"the figure written to {self.folder}: figure-2.svg, figure-2.png, figure-2.json",
        ]

    def to_json(self) -> dict[str, Any]:
        return {
            "left": self.left and self.left.to_json(),
            "right": self.right and self.right.to_json(),
            "missing": self.missing,
            "folder": str(self.folder),
        }


def figure_2(settings: ReproduceSettings) -> Figure2:
    """`foretext study layers` and `study zero-shot` on the figure's tasks that are at hand; in `settings.out` too.

    Raises:
        SettingsError: nobody said where the data are.
        DataError: none of the figure's data sets is at hand.
    """
    halves = halves_wanted(settings)
    result = Figure2(
        left=study_layers(halves.left) if halves.left else None,
        right=study_zero_shot(halves.right) if halves.right else None,
        missing=halves.missing,
        folder=settings.out,
    )
    figure = both_halves(*(studied.study.rows if studied else [] for studied in (result.left, result.right)))
    write_text(settings.out / "figure-2.svg", svg(figure))
    with atomic_file(settings.out / "figure-2.png") as file:
        file.write(png(figure))
    write_json(settings.out / "figure-2.json", result.to_json())
    return result


def halves_wanted(settings: ReproduceSettings) -> Halves:
    """The studies of both halves.

    The right half has the checkpoints of the model's run, whichever of them the left half starts from.

    Raises:
        SettingsError: nobody said where the data are.
        DataError: none of the figure's data sets is at hand.
    """
    layers, without_training = at_hand(LEFT, settings.data, training=True)
    zero_shot, without_labels = at_hand(PAPER_TASKS, settings.data, training=False)
    missing = list(dict.fromkeys([*without_training, *without_labels]))
    if not layers and not zero_shot:
        raise DataError("\n".join(missing))
    labelled = LabelledDataSettings(data=settings.data, train_rows=settings.train_rows, cutting=settings.cutting)
    left = StudyLayersSettings(
        model=settings.model,
        tasks=tuple(layers),
        out=settings.out,
        seeds=settings.seeds,
        score_rows=settings.score_rows,
        labelled=labelled,
        finetuning=settings.finetuning,
    )
    models = [split_name(name)[0] for name in (settings.model, settings.lstm) if name is not None]
    right = StudyZeroShotSettings(
        models=tuple(models),
        tasks=tuple(zero_shot),
        out=settings.out,
        device=settings.finetuning.loop.device,
        labelled=LabelledDataSettings(data=settings.data),
        zero_shot=ZeroShotSettings(score_rows=settings.score_rows),
    )
    return Halves(left if layers else None, right if zero_shot else None, missing)
