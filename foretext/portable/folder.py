"""A model in a folder that answers without Foretext.

model.onnx        the decoder and its head (graph.py)
tokenizer.json    the vocabulary, for the `tokenizers` library
paper_text/       mode `paper` alone: what comes before the vocabulary there, as Python
config.json       labels, ids of the special tokens, context, how sequences are laid out and cut
answer.py         what puts these together: some lines of Python
README.md         what to know of it
"""

from __future__ import annotations

import importlib.resources
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal

from foretext import __version__
from foretext.checkpoints.saved_model import SavedModel
from foretext.errors import SettingsError
from foretext.files import atomic_file, atomic_folder, write_json, write_text
from foretext.portable.answer_lines import answer_lines, example_of
from foretext.portable.graph import EXACT, written
from foretext.portable.operators import OPSET
from foretext.tasks.cutting import IN_WORDS
from foretext.tasks.labels.sets import UNSURE
from foretext.tasks.schema import TaskSchema
from foretext.tokenizer.modes import MODES

Precision = Literal["fp32", "int8"]

FORMAT = "foretext onnx 1"
MODEL, TOKENIZER, CONFIG, ANSWER = "model.onnx", "tokenizer.json", "config.json", "answer.py"
PAPER_TEXT = ("alignment.py", "cleaning.py", "words.py", "word_rules.json")  # of the room `tokenizer`


def write_portable(
    folder: Path, saved: SavedModel, precision: Precision, check: Callable[[Path], object] | None = None
) -> None:
    """Writes `saved` into a new folder, whole or not at all; where `check` raises an error, not at all.

    Raises:
        SettingsError: the model cannot be computed in that precision.
        ModelError: its weights are too many for one file.
        DiskFull: there is no space left.
    """
    if precision == "int8" and saved.gpt.settings.backbone != "transformer":
        raise SettingsError("int8 is for Transformers, and this model is an LSTM; use --precision fp32")
    mode = MODES[saved.tokenizer.mode]
    with atomic_folder(folder) as made:
        with atomic_file(made / MODEL) as file:
            file.write(written(saved.gpt.cpu().eval()).SerializeToString())
        if precision == "int8":
            _round(made / MODEL)
        write_text(made / TOKENIZER, mode.native(saved.tokenizer.vocabulary, where="the vocabulary").to_str() + "\n")
        if mode.native_reads == "words":
            _write_paper_text(made / "paper_text")
        config = config_of(saved, precision)
        write_json(made / CONFIG, config)
        write_text(made / ANSWER, answer_lines(saved))
        write_text(made / "README.md", _readme(saved, config))
        if check is not None:
            check(made)


def config_of(saved: SavedModel, precision: Precision) -> dict[str, Any]:
    """What answer.py, or a program like it, must know besides the graph and the vocabulary."""
    tokenizer, settings = saved.tokenizer, saved.gpt.settings
    config: dict[str, Any] = {
        "format": FORMAT,
        "foretext": __version__,
        "opset": OPSET,
        "precision": precision,
        "weights_sha256": saved.fingerprint,
        "kind": "language model" if saved.task is None else saved.task.kind,
        "context": settings.context,
        "vocabulary": settings.vocabulary,
        "special_ids": {name: getattr(tokenizer, name) for name in ("start", "delimiter", "extract")},
        "tokenizer": {
            "mode": tokenizer.mode,
            "reads": MODES[tokenizer.mode].native_reads,
            "unknown_id": tokenizer.unknown,
        },
    }
    return config if saved.task is None else {**config, **_of_task(saved.task)}


def _of_task(task: TaskSchema) -> dict[str, Any]:
    labels, kind = task.labels, task.task_kind
    of_sets = {"thresholds": list(task.thresholds or (UNSURE,) * len(task.classes))} if labels.name == "set" else {}
    return {
        "label": labels.name,
        "labels": list(labels.classes),
        **of_sets,
        "columns": [*task.text, *task.choices],
        "texts": len(task.text),
        "answers": kind.has_answers,
        "words": kind.takes_words,  # whether a text may be a list of words
        "times_read": task.times_read,
        "special_tokens": kind.special_tokens(len(task.text) * task.times_read),
        "layout": layout(task),
        "cutting": task.cutting,
    }


def layout(task: TaskSchema) -> list[str]:
    """How the sequences of an example are laid out, in words: one, two, or the first of one for each answer."""
    names = {-1: "[start]", -2: "[delimiter]", -3: "[extract]"}
    count = len(task.text)
    fields = [[number % count] for number in range(count * task.times_read)]
    names |= {number: f"text {number + 1}" if count > 1 else "text" for number in range(count)} | {count: "answer"}
    sequences = task.task_kind.transform(fields, [[count]] if task.task_kind.has_answers else [], _Marks())
    return [" ".join(names[id] for id in sequence) for sequence in sequences]


class _Marks:
    """Special tokens that stand for themselves, where only the arrangement matters."""

    start, delimiter, extract = -1, -2, -3


def _round(model: Path) -> None:
    """Makes the products of the layers ones of bytes, by ONNX Runtime's own tool.

    A weight has seven bits, and each output of a product a scale of its own: with eight bits processors without
    VNNI would overflow in sums of 16 bits. Embeddings, norms, attention's own products and the head stay as they are.
    """
    from onnxruntime.quantization import QuantType, quantize_dynamic

    exact = model.with_name("fp32.onnx")
    model.replace(exact)
    quantize_dynamic(
        exact,
        model,
        op_types_to_quantize=["MatMul"],
        nodes_to_exclude=list(EXACT),
        per_channel=True,
        reduce_range=True,
        weight_type=QuantType.QInt8,
    )
    exact.unlink()


def _write_paper_text(folder: Path) -> None:
    """The very files of Foretext that read text in mode `paper`, as a package of their own."""
    folder.mkdir()
    room = importlib.resources.files("foretext")
    for name in PAPER_TEXT:
        write_text(folder / name, _own(room.joinpath("tokenizer", name).read_text(encoding="utf-8")))
    write_text(folder / "__init__.py", _own(room.joinpath("portable", "paper_text.py").read_text(encoding="utf-8")))


def _own(text: str) -> str:
    return re.sub(r"^from foretext\.tokenizer\.", "from .", text, flags=re.MULTILINE)


def _readme(saved: SavedModel, config: dict[str, Any]) -> str:
    """What a person must know of the folder."""
    task, of_words = saved.task, config["tokenizer"]["reads"] == "words"
    example = example_of(task.task_kind, len(task.text)) if task else '"a text"'
    lines = [
        f"# A model of kind {config['kind']}, for ONNX Runtime",
        "",
        "```sh",
        f"pip install onnxruntime tokenizers numpy{' ftfy' if of_words else ''}",
        f"echo '{example}' | python answer.py",
        "```",
        "",
        f"or, in this folder, `from answer import answer` and `answer([{example}])`.",
        "",
        f"* **model.onnx** has opset {OPSET}, in {config['precision']}. Inputs are `input_ids` and `attention_mask`, "
        "both int64 (sequences, tokens); the mask is 1 for a token and 0 for padding, which may stand anywhere.",
        f"* **Text** becomes ids in the mode `{config['tokenizer']['mode']}`. {_OF_MODE[config['tokenizer']['reads']]}",
    ]
    if config["precision"] == "int8":
        lines.append(
            "* **int8**: all sequences of a call share the scale that states are rounded by, so an answer would depend "
            "on its neighbours. answer.py gives each example a call of its own; do so, too."
        )
    if task:
        read = "; ".join(f"`{line}`" for line in config["layout"]) + (" for each answer" if config["answers"] else "")
        lines += [
            f"* **Sequences**: {read}; ids of the special tokens in config.json.",
            f"* **Cutting** to {config['context']} tokens, `{task.cutting}`: {IN_WORDS[task.cutting]}.",
        ]
    else:
        lines.append(
            "* **It goes on** from a text with the likeliest piece, over and over; past "
            f"{config['context']} tokens the older half is dropped. Each step reads all before it anew."
        )
    return "\n".join(lines) + "\n"


_OF_MODE = {
    "text": "tokenizer.json alone does that, for any program that has the `tokenizers` library. What that library "
    "refuses, half a surrogate pair, is refused here.",
    "words": "tokenizer.json alone does **not**: it takes words in lower case with one space between and a line break "
    "as a word of its own. What comes before, repair of broken text and the rules for words, is the Python in "
    "paper_text, which needs `ftfy`. A text that is given to tokenizer.json directly gets other ids.",
}
