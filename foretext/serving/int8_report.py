"""What int8 changes, measured on a person's own labelled examples before int8 answers others; kept in the run."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from foretext.checkpoints.saved_model import SavedModel
from foretext.checkpoints.tensors import read_json
from foretext.errors import SettingsError
from foretext.evaluation.scoring import Evaluation, score_examples
from foretext.files import write_json
from foretext.model.kernels.linear import int8_product
from foretext.serving.predictor import Predictor
from foretext.tasks.examples import Example
from foretext.tasks.labels.form import LabelForm
from foretext.tasks.predictions import Predictions
from foretext.text_table import text_table

NAME = "int8.json"


@dataclass(frozen=True)
class Int8Report:
    """Scores in fp32 and in int8 on the same examples, and how far the answers agree.

    `agreement` is the share of equal labels; for scores, which are never equal, None, and `difference` is the mean
    distance between the two.
    """

    weights: str  # SHA-256 of the weights it is about
    activation_bits: int  # which depends on the processor
    data: str
    count: int
    metrics: dict[str, tuple[float, float]]  # fp32, int8
    agreement: float | None
    difference: float | None

    @classmethod
    def of(
        cls, weights: str, bits: int, data: Path, labels: LabelForm, scored: dict[str, tuple[Evaluation, Predictions]]
    ) -> Int8Report:
        """The report of what fp32 and int8 said of the examples of `data`; `scored` is by precision."""
        (exact, said), (quick, also) = scored["fp32"], scored["int8"]
        agreement, difference = labels.agreement(said.labels, also.labels)
        return cls(
            weights=weights,
            activation_bits=bits,
            data=data.name,
            count=len(said),
            metrics={name: (one.value, quick.metrics[name].value) for name, one in exact.metrics.items()},
            agreement=agreement,
            difference=difference,
        )

    def lines(self) -> list[str]:
        rows = [[name, f"{100 * exact:.1f}", f"{100 * quick:.1f}"] for name, (exact, quick) in self.metrics.items()]
        same = f"int8 gives {100 * self.agreement:.1f} % of the answers of fp32" if self.agreement is not None else ""
        apart = f"scores of int8 are {self.difference:.4g} from those of fp32 on average" if not same else ""
        with_bits = f"int8 with activations of {self.activation_bits} bits"
        table = text_table(["score x 100", "fp32", "int8"], rows)
        return [*table, f"{same or apart} ({self.count:,} examples; {with_bits})"]

    def to_json(self) -> dict[str, Any]:
        return asdict(self)


def compare(saved: SavedModel, quick: Predictor, examples: Sequence[Example], data: Path) -> Int8Report:
    """The report of `quick`, the int8 predictor of `saved`, on the labelled examples of `data`; it is kept in the run.

    Raises:
        DataError: a label is missing or none of the classes, or the run's folder cannot be written.
    """
    scored = {}
    exact = Predictor.of(saved, device=str(quick.gpt.embedding.device), precision="fp32")
    for predictor in (exact, quick):
        said = predictor.answer_all(examples)
        scored[predictor.precision] = (score_examples(examples, said, schema=predictor.schema, resamples=0), said)
    report = Int8Report.of(saved.fingerprint, activation_bits(), data, quick.schema.labels, scored)
    if saved.folder is not None:
        write_json(saved.folder / NAME, report.to_json())
    return report


def activation_bits() -> int:
    """With how many bits an activation goes into int8 products here; 0 where there are none."""
    product = int8_product()
    return product.bits if product else 0


def require(saved: SavedModel) -> None:
    """Nothing, if the run holds a report about these very weights and such a processor.

    Raises:
        SettingsError: it does not; the message says how to make one.
    """
    file = (saved.folder or Path()) / NAME
    report = read_json(file) if file.is_file() else {}
    of_model = report.get("weights") == saved.fingerprint
    # Reports without a word on it were made when int8 was for 8 bits alone. No bits at all is the model's to refuse.
    of_processor = report.get("activation_bits", 8) == activation_bits() or not activation_bits()
    if not (of_model and of_processor):
        what = "processor" if of_model else "model"
        raise SettingsError(
            f"int8 changes some answers, and how many is not known for this {what}; `foretext evaluate "
            f"{saved.folder} --data LABELLED --precision int8` measures it, or add --check LABELLED"
        )
