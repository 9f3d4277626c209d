"""The page that goes with a model to a hub: what it is, how it came to be, how it scores."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from foretext.checkpoints.history import (
    Departure,
    Finetuning,
    FinetuningResult,
    History,
    Imported,
    Pretraining,
    PretrainingResult,
    to_json,
)
from foretext.checkpoints.saved_model import SavedModel
from foretext.model.settings import said
from foretext.tasks.schema import TaskSchema
from foretext.toml import write_toml

PAPER = "https://cdn.openai.com/research-covers/language-unsupervised/language_understanding_paper.pdf"
# Chunks are for machines alone, and what was recommended stands among the departures.
SHOWN_APART = ("settings", "result", "engine", "departures", "intermediate", "recommended", "chunks")

USE_TRANSFORMERS = """\
```python
from transformers import AutoModelForCausalLM, AutoTokenizer

model = AutoModelForCausalLM.from_pretrained("{name}")
tokenizer = AutoTokenizer.from_pretrained("{name}")
```

The weights are those of the language model; the three special tokens and a task head, if there was one, have no place
in this format. **The tokenizer is not the one of training**: `transformers` cuts text by its own rules, without the
repair of broken text and the English word rules of the original, and drops line breaks, so some texts get other ids
than those the model has learned. `foretext import hf {name} --out MODEL` reads this folder with the original rules.
"""

USE_DECODER = """\
```python
from transformers import AutoModelForCausalLM, AutoTokenizer

model = AutoModelForCausalLM.from_pretrained("{name}")
tokenizer = AutoTokenizer.from_pretrained("{name}")
```

The weights are those of the language model, the tokenizer is the one of training; the three special tokens and a task
head, if there was one, have no place in this format. `foretext import hf {name} --out MODEL` reads this folder.
"""

USE_FORETEXT = """\
```python
import foretext

saved = foretext.from_pretrained("{name}")  # gpt, tokenizer, task, history
```
"""

USE_FORETEXT_TASK = """\
```python
import foretext
from foretext.serving.predictor import Predictor

predictor = Predictor.of(foretext.from_pretrained("{name}"))
print(predictor.predict([...]))
```
"""


def model_card(saved: SavedModel, *, name: str, library: str = "foretext") -> str:
    """A README with a header for the hub; `name` is what the model is loaded by, `library` what loads it."""
    task = saved.task if library == "foretext" else None
    parts = [
        _header(library, task, saved.history.imported),
        f"# {name}",
        _what(saved, task),
        "## Use",
        _use(library, task, decoder=bool(saved.gpt.settings.own_form)).format(name=name).strip(),
        *_stages(saved.history),
        f"Source of the method: [Radford et al. 2018, Improving Language Understanding by Generative "
        f"Pre-Training]({PAPER}).",
    ]
    return "\n\n".join(parts) + "\n"


def _header(library: str, task: TaskSchema | None, imported: Imported | None) -> str:
    pipeline = "text-generation" if task is None else task.task_kind.pipeline
    family = (imported and imported.architecture) or "openai-gpt"
    lines = [f"library_name: {library}", f"pipeline_tag: {pipeline}", "tags:", "- foretext", f"- {family}"]
    if imported and imported.license:
        lines.insert(0, f"license: {imported.license}")  # of the weights it started from
    return "\n".join(["---", *lines, "---"])


def _what(saved: SavedModel, task: TaskSchema | None) -> str:
    shape = saved.gpt.settings
    kind = f"a model for {task.kind}" if task else "a language model"
    form = f", but with {said(shape.own_form)}" if shape.own_form else ""
    return (
        f"A Transformer decoder as in GPT-1{form}, {kind}: {shape.layers} layers of width {shape.width}, {shape.heads} "
        f"heads, context {shape.context}, {saved.gpt.parameter_count():,} parameters, a vocabulary of "
        f"{shape.vocabulary:,} pieces (mode `{saved.tokenizer.mode}`, fingerprint "
        f"`{saved.tokenizer.fingerprint[:12]}`)."
    )


def _use(library: str, task: TaskSchema | None, *, decoder: bool) -> str:
    if library == "transformers":
        return USE_DECODER if decoder else USE_TRANSFORMERS
    return USE_FORETEXT_TASK if task else USE_FORETEXT


def _stages(history: History) -> Iterator[str]:
    """A section for each stage of the model's life, in their order."""
    if history.imported:
        yield from ("## Imported weights", _facts(history.imported))
    if history.pretraining:
        yield "## Pre-training"
        yield from _run(history.pretraining, list(_losses(history.pretraining.result)))
    if history.finetuning:
        yield from _finetunings(history.finetuning)


def _finetunings(run: Finetuning) -> Iterator[str]:
    """The sections of a fine-tuning and of those on other tasks before it."""
    if run.intermediate:
        yield from _finetunings(run.intermediate)
    yield f"## Fine-tuning{f' on {run.on()}' if run.task else ''}"
    yield from _run(run, list(_scores(run.result)))


def _run(run: Pretraining | Finetuning, scores: list[str]) -> Iterator[str]:
    if scores:
        yield "\n".join(["| score | value | 95 % interval |", "|---|---|---|", *scores])
    yield "\n".join([_facts(run), *([_facts(run.engine)] if to_json(run.engine) else [])])
    if run.departures:
        yield "Departs from the paper in:"
        yield "\n".join(map(_departure, run.departures))
    if run.settings:
        yield "```toml\n" + write_toml(run.settings, {}) + "```"


def _facts(record: Any) -> str:
    facts = {key: value for key, value in to_json(record).items() if key not in SHOWN_APART}
    return "\n".join(f"* {key}: {_written(value)}" for key, value in facts.items())


def _losses(result: PretrainingResult) -> Iterator[str]:
    """Rows of a table: the loss and perplexity of a pre-trained model."""
    for name, value in (("valid loss", result.valid_loss), ("valid perplexity", result.valid_perplexity)):
        if value is not None:
            yield f"| {name} | {value:.4g} | |"


def _scores(result: FinetuningResult) -> Iterator[str]:
    """Rows of a table: the metrics of a fine-tuned model."""
    for name, estimate in result.validation.get("metrics", {}).items():
        if estimate.get("undefined"):
            yield f"| validation {name} | undefined | {estimate['undefined']} |"
            continue
        interval = f"{estimate['low']:.4f} to {estimate['high']:.4f}" if "low" in estimate else ""
        yield f"| validation {name} | {estimate['value']:.4f} | {interval} |"
    if "count" in result.validation:
        yield f"| validation examples | {result.validation['count']} | |"


def _departure(departure: Departure) -> str:
    value, paper = _written(departure.value), _written(departure.paper)
    return f"* {departure.stage} {departure.setting}: {value}, in the paper {paper}"


def _written(value: Any) -> str:
    return value if isinstance(value, str) else f"`{json.dumps(value, ensure_ascii=False)}`"
