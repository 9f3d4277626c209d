"""The page that goes with a model to a hub: what it is, how it came to be, how it scores."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from foretext.checkpoints.saved_model import SavedModel
from foretext.toml import write_toml

PAPER = "https://cdn.openai.com/research-covers/language-unsupervised/language_understanding_paper.pdf"
STAGES = {"import": "Imported weights", "pretraining": "Pre-training", "finetuning": "Fine-tuning"}
SHOWN_APART = ("settings", "result", "engine", "departures", "chunks")  # chunks are for machines alone

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
        _header(library, task),
        f"# {name}",
        _what(saved, task),
        "## Use",
        _use(library, task).format(name=name).strip(),
        *_stages(saved.history),
        f"Source of the method: [Radford et al. 2018, Improving Language Understanding by Generative "
        f"Pre-Training]({PAPER}).",
    ]
    return "\n\n".join(parts) + "\n"


def _header(library: str, task: Mapping[str, Any] | None) -> str:
    pipeline = "text-generation" if task is None else "text-classification"
    lines = [f"library_name: {library}", f"pipeline_tag: {pipeline}", "tags:", "- foretext", "- openai-gpt"]
    return "\n".join(["---", *lines, "---"])


def _what(saved: SavedModel, task: Mapping[str, Any] | None) -> str:
    shape = saved.gpt.settings
    kind = f"a model for {task['kind']}" if task else "a language model"
    return (
        f"A Transformer decoder as in GPT-1, {kind}: {shape.layers} layers of width {shape.width}, {shape.heads} "
        f"heads, context {shape.context}, {saved.gpt.parameter_count():,} parameters, a vocabulary of "
        f"{shape.vocabulary:,} pieces (mode `{saved.tokenizer.mode}`, fingerprint "
        f"`{saved.tokenizer.fingerprint[:12]}`)."
    )


def _use(library: str, task: Mapping[str, Any] | None) -> str:
    if library == "transformers":
        return USE_TRANSFORMERS
    return USE_FORETEXT_TASK if task else USE_FORETEXT


def _stages(history: Mapping[str, Any]) -> Iterator[str]:
    """A section for each stage of the model's life, in the order of its history."""
    for name, record in history.items():
        yield f"## {STAGES.get(name, name)}"
        scores = list(_scores(record.get("result", {})))
        if scores:
            yield "\n".join(["| score | value | 95 % interval |", "|---|---|---|", *scores])
        facts = {key: value for key, value in record.items() if key not in SHOWN_APART}
        facts.update(record.get("engine", {}))
        yield "\n".join(f"* {key}: {_written(value)}" for key, value in facts.items())
        if record.get("departures"):
            yield "Departs from the paper in:"
            yield "\n".join(map(_departure, record["departures"]))
        if "settings" in record:
            yield "```toml\n" + write_toml(record["settings"], {}) + "```"


def _scores(result: Mapping[str, Any]) -> Iterator[str]:
    """Rows of a table: perplexity of a pre-trained model, the metrics of a fine-tuned one, chance besides."""
    for name in ("valid_loss", "valid_perplexity"):
        if isinstance(result.get(name), float):
            yield f"| {name.replace('_', ' ')} | {result[name]:.4g} | |"
    validation = result.get("validation", {})
    for name, estimate in validation.get("metrics", {}).items():
        interval = f"{estimate['low']:.4f} to {estimate['high']:.4f}" if "low" in estimate else ""
        yield f"| validation {name} | {estimate['value']:.4f} | {interval} |"
    if "count" in validation:
        yield f"| validation examples | {validation['count']} | |"


def _departure(departure: Mapping[str, Any]) -> str:
    value, paper = _written(departure.get("value")), _written(departure.get("paper"))
    return f"* {departure.get('stage')} {departure.get('setting')}: {value}, in the paper {paper}"


def _written(value: Any) -> str:
    return value if isinstance(value, str) else f"`{json.dumps(value, ensure_ascii=False)}`"
