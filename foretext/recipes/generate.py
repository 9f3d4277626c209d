"""A prompt becomes text: sample from a pre-trained (or fine-tuned) model's language model."""

from __future__ import annotations

import logging
from dataclasses import asdict, dataclass
from itertools import takewhile
from typing import Any

from foretext.checkpoints.model_at_update import load_named
from foretext.checkpoints.saved_model import SavedModel
from foretext.model.devices import find_device
from foretext.model.generation import generate as draw
from foretext.notebook import shows_itself
from foretext.recipes.settings.generate import GenerateSettings
from foretext.tokenizer.unknown import UnknownCount

log = logging.getLogger(__name__)


@shows_itself
@dataclass(frozen=True, repr=False)
class Generated:
    """The prompt and what the model made follow it, as the tokenizer writes text (lower case in the paper's mode)."""

    prompt: str
    text: str

    def lines(self) -> list[str]:
        return [f"{self.prompt}{self.text}"]

    def to_json(self) -> dict[str, Any]:
        return asdict(self)


def generate(settings: GenerateSettings) -> Generated:
    """Text that goes on from the prompt, up to where an imported model ends what it writes.

    Raises:
        UnknownName: there is no such model.
        SettingsError: the prompt holds no token.
        DataError: more than half of it is unknown to the model, and `allow_unknown` is off.
    """
    return generate_from(load_named(settings.model), settings)


def generate_from(saved: SavedModel, settings: GenerateSettings) -> Generated:
    """The same from a model in memory."""
    prompt = saved.tokenizer.encode(settings.prompt)
    unknown = UnknownCount(saved.tokenizer)
    unknown.add(prompt, settings.prompt)
    unknown.found().say("the prompt", allowed=settings.allow_unknown)
    _say_dropped(len(prompt), saved.gpt.settings.context)
    drawn = draw(
        saved.gpt.to(find_device(settings.device)),
        [*saved.tokenizer.begins, *prompt] if prompt else prompt,
        tokens=settings.tokens,
        temperature=settings.temperature,
        top_k=settings.top_k,
        top_p=settings.top_p,
        seed=settings.seed,
    )
    ids = takewhile(lambda number: number not in saved.tokenizer.ends, drawn)
    whole = _printable(saved.tokenizer.decode([*prompt, *ids]))
    shown = _printable(saved.tokenizer.decode(prompt))
    return Generated(prompt=shown, text=whole.removeprefix(shown))


def _say_dropped(tokens: int, context: int) -> None:
    """Warns of a prompt that is longer than what the model reads at once."""
    if tokens > context:
        log.warning(
            "the prompt has %s tokens, the model reads %s at once: only the last %s of it are read",
            *(f"{count:,}" for count in (tokens, context, context // 2 or 1)),
        )


def _printable(text: str) -> str:
    """`text` with U+FFFD for half characters, which a model of bytes may draw and no terminal can show."""
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
