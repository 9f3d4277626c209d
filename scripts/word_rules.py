"""Writes foretext/tokenizer/word_rules.json: the data of spaCy's rules for English words.

spaCy (https://spacy.io, copyright ExplosionAI GmbH, MIT licence) is needed to run this, never to run Foretext:

    python scripts/word_rules.py foretext/tokenizer/word_rules.json

The patterns are spaCy's own, with each long part written once and named: `<alpha>` in a pattern stands for the part
called `alpha`. Rules for white space itself are left out: the words of a text are looked for between white space.
"""

from __future__ import annotations

import json
import sys
from importlib.metadata import distribution
from pathlib import Path
from typing import Any

import spacy
from spacy.lang import char_classes, tokenizer_exceptions
from spacy.symbols import ORTH

PARTS = {
    "alpha": char_classes.ALPHA,
    "alpha_lower": char_classes.ALPHA_LOWER,
    "alpha_upper": char_classes.ALPHA_UPPER,
    "quotes": char_classes.CONCAT_QUOTES,
    "punctuation": char_classes.PUNCT,
    "currency": char_classes.CURRENCY,
    "hyphens": char_classes.HYPHENS,
    "units": char_classes.UNITS,
    "icon": char_classes.LIST_ICONS[0],
    "user": r"(?:\S+(?::\S*)?@)?",
}


def word_rules() -> dict[str, Any]:
    """The rules of spaCy's blank English, ready to be written as JSON."""
    english = spacy.blank("en")
    cases = {
        text: [word[ORTH] for word in words]
        for text, words in sorted(english.tokenizer.rules.items())
        if not text.isspace()
    }
    assert english.tokenizer.token_match is None, "spaCy's English has no token_match so far"
    return {
        "source": f"spaCy {spacy.__version__}, blank English",
        "licence": licence().splitlines(),
        "parts": PARTS,
        "prefixes": [named(pattern) for pattern in english.Defaults.prefixes if pattern.strip()],
        "suffixes": [named(pattern) for pattern in english.Defaults.suffixes if pattern.strip()],
        "infixes": [named(pattern) for pattern in english.Defaults.infixes if pattern.strip()],
        "url": named(tokenizer_exceptions.URL_PATTERN),
        "kept_whole": [text for text, words in cases.items() if words == [text]],
        "split": {text: " ".join(words) for text, words in cases.items() if words != [text]},
    }


def licence() -> str:
    """spaCy's licence, which has to go wherever its data go."""
    text = distribution("spacy").read_text("licenses/LICENSE")
    assert text, "spaCy's package holds its licence"
    return text


def named(pattern: str) -> str:
    """`pattern` with every long part replaced by its name in angle brackets."""
    for name in sorted(PARTS, key=lambda name: len(PARTS[name]), reverse=True):
        assert f"<{name}>" not in pattern, pattern
        pattern = pattern.replace(PARTS[name], f"<{name}>")
    return pattern


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit("usage: python scripts/word_rules.py FILE.json")
    Path(sys.argv[1]).write_text(json.dumps(word_rules(), indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
