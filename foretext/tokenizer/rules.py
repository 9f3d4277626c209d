"""The rules of an imported tokenizer, in the words of `tokenizer.json`: what stands before and beside the merges.

    normalizer       NFC, NFD, NFKC, NFKD, or a Sequence of them; or none
    pre_tokenizer    ByteLevel, before which Split and Digits may stand in a Sequence
    added            tokens beside the pieces; those that control (`special`) are no part of any text

Whatever else a tokenizer may ask for is refused by name, since ids would differ.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from tokenizers import Regex, normalizers, pre_tokenizers

from foretext.errors import ModelError

Step = Mapping[str, Any]  # as tokenizer.json writes a normaliser or a pre-tokenizer

NORMALIZERS = {
    "NFC": normalizers.NFC,
    "NFD": normalizers.NFD,
    "NFKC": normalizers.NFKC,
    "NFKD": normalizers.NFKD,
}
BEHAVIORS = {
    "Isolated": "isolated",
    "Removed": "removed",
    "MergedWithPrevious": "merged_with_previous",
    "MergedWithNext": "merged_with_next",
    "Contiguous": "contiguous",
}
REMEDY = "take a model whose tokenizer is byte-level byte-pair encoding, as SmolLM2, Qwen, GPT-2 and Pythia have it"

_SPLITTING = ("ByteLevel", "Digits", "Sequence", "Split")
_FIELDS: dict[str, dict[str, Any]] = {  # of each step, with what is meant where a field is left out
    "ByteLevel": {"add_prefix_space": True, "use_regex": True},
    "Digits": {"individual_digits": False},
    "Split": {"pattern": None, "behavior": None, "invert": False},
}
_SHOWS_ONLY = {"ByteLevel": {"trim_offsets"}}  # fields that change no id


@dataclass(frozen=True)
class AddedToken:
    """A token beside the pieces, and how it is found in a text, if it is."""

    id: int
    special: bool = False  # it controls; the text that spells it is read as any other
    normalized: bool = False  # looked for in the normalised text
    lstrip: bool = False  # takes white space before it along
    rstrip: bool = False
    single_word: bool = False
    piece: bool = True  # it is among the pieces that merging knows, too


@dataclass(frozen=True)
class Rules:
    """All but pieces and merges that decides which ids a text gets; and which tokens begin and end a document."""

    pre_tokenizer: Step
    normalizer: Step | None = None
    ignore_merges: bool = False  # a part of the text that is a piece is that piece, whatever merges would make
    unknown: str | None = None  # the piece for bytes without one; None if such bytes are left out
    fuse_unknown: bool = False
    added: tuple[AddedToken, ...] = ()
    unused: tuple[int, ...] = ()  # ids that stand for nothing: rows of an embedding that is larger than its vocabulary
    begins: tuple[int, ...] = ()  # put before a document, if the model's own files say so
    ends: tuple[int, ...] = ()  # at which what a model writes is over

    def to_json(self) -> dict[str, Any]:
        """The rules as our tokenizer.json has them."""
        return asdict(self)

    @classmethod
    def from_json(cls, values: Any, *, where: str) -> Rules:
        """The rules that `to_json` wrote.

        Raises:
            ModelError: they are none; the message begins with `where`.
        """
        try:
            given = dict(values)
            added = tuple(AddedToken(**each) for each in given.pop("added"))
            given |= {name: tuple(map(int, given[name])) for name in ("unused", "begins", "ends")}
            given["pre_tokenizer"] = checked_pre_tokenizer(given["pre_tokenizer"], where=where)
            given["normalizer"] = checked_normalizer(given["normalizer"], where=where)
            return cls(**given, added=added)
        except (KeyError, TypeError, ValueError) as error:
            raise ModelError(f"{where}: the rules of the tokenizer are damaged: {error}") from None


def checked_normalizer(step: Any, *, where: str) -> Step | None:
    """A normaliser as the rules keep it.

    Raises:
        ModelError: it is of a kind that is not known here.
    """
    if step is None:
        return None
    kind = _kind(step, (*NORMALIZERS, "Sequence"), f"{where}: normalizer")
    if kind != "Sequence":
        _refuse_fields(step, {"type"}, f"{where}: normalizer {kind}")
        return {"type": kind}
    inner = _list(step, "normalizers", f"{where}: normalizer")
    kept = [checked for each in inner if (checked := checked_normalizer(each, where=where)) is not None]
    return {"type": "Sequence", "normalizers": kept} if kept else None


def checked_pre_tokenizer(step: Any, *, where: str) -> Step:
    """A pre-tokenizer as the rules keep it, its last step the one that turns characters into bytes.

    Raises:
        ModelError: it is of a kind that is not known here, or makes no bytes.
    """
    checked = _checked_splitting(step, f"{where}: pre_tokenizer")
    kinds = [each["type"] for each in flat(checked)]
    if kinds[-1:] != ["ByteLevel"] or kinds.count("ByteLevel") != 1:
        raise ModelError(
            f"{where}: pre_tokenizer is {', '.join(kinds) or 'empty'}; it must end in ByteLevel, and have it once; "
            f"{REMEDY}"
        )
    return checked


def flat(step: Step) -> list[Step]:
    """The steps of a normaliser or pre-tokenizer in order, sequences taken apart."""
    inner = step.get("normalizers") or step.get("pretokenizers")
    return [step] if step["type"] != "Sequence" else [each for part in inner or () for each in flat(part)]


def made_normalizer(step: Step | None) -> normalizers.Normalizer | None:
    """What the `tokenizers` library does for it."""
    return None if step is None else normalizers.Sequence([NORMALIZERS[each["type"]]() for each in flat(step)])


def made_pre_tokenizer(step: Step, *, where: str) -> pre_tokenizers.PreTokenizer:
    """What the `tokenizers` library does for it.

    Raises:
        ModelError: the pattern of a Split is no regular expression.
    """
    return pre_tokenizers.Sequence([_made_splitting(each, where) for each in flat(step)])


def _made_splitting(step: Step, where: str) -> pre_tokenizers.PreTokenizer:
    if step["type"] == "ByteLevel":
        return pre_tokenizers.ByteLevel(add_prefix_space=step["add_prefix_space"], use_regex=step["use_regex"])
    if step["type"] == "Digits":
        return pre_tokenizers.Digits(individual_digits=step["individual_digits"])
    ((kind, pattern),) = step["pattern"].items()
    try:
        found = Regex(pattern) if kind == "Regex" else pattern
    except Exception as error:  # the library raises Exception itself
        raise ModelError(f"{where}: pre_tokenizer Split: {pattern!r} is no pattern: {error}") from None
    return pre_tokenizers.Split(found, BEHAVIORS[step["behavior"]], invert=step["invert"])


def _checked_splitting(step: Any, where: str) -> Step:
    kind = _kind(step, _SPLITTING, where)
    if kind == "Sequence":
        inner = _list(step, "pretokenizers", where)
        return {"type": "Sequence", "pretokenizers": [_checked_splitting(each, where) for each in inner]}
    fields = _FIELDS[kind]
    _refuse_fields(step, {"type", *fields, *_SHOWS_ONLY.get(kind, ())}, f"{where} {kind}")
    values = {name: step.get(name, usual) for name, usual in fields.items()}
    for name, value in values.items():
        if name not in ("pattern", "behavior") and not isinstance(value, bool):
            raise ModelError(f"{where} {kind}: {name} is {value!r}; it must be true or false")
    if kind == "Split":
        _check_split(values, where)
    return {"type": kind, **values}


def _check_split(values: Mapping[str, Any], where: str) -> None:
    pattern = values["pattern"]
    good = isinstance(pattern, Mapping) and len(pattern) == 1 and not pattern.keys() - {"Regex", "String"}
    if not good or not all(isinstance(text, str) and text for text in pattern.values()):
        raise ModelError(f"{where} Split: pattern is {pattern!r}; it must be one Regex or one String")
    if values["behavior"] not in BEHAVIORS:
        raise ModelError(f"{where} Split: behavior is {values['behavior']!r}; known are {', '.join(BEHAVIORS)}")


def _kind(step: Any, known: Sequence[str], where: str) -> str:
    if not isinstance(step, Mapping) or not isinstance(step.get("type"), str):
        raise ModelError(f"{where} is {step!r}; known are {', '.join(known)}; {REMEDY}")
    if step["type"] not in known:
        raise ModelError(
            f"{where} is {step['type']!r}, which cannot be reproduced here; known are {', '.join(known)}; {REMEDY}"
        )
    return str(step["type"])


def _refuse_fields(step: Step, known: set[str], where: str) -> None:
    strange = sorted(step.keys() - known)
    if strange:
        raise ModelError(f"{where}: {strange[0]!r} is not known here; known are {', '.join(sorted(known))}; {REMEDY}")


def _list(step: Step, name: str, where: str) -> Sequence[Any]:
    inner = step.get(name)
    if not isinstance(inner, list):
        raise ModelError(f"{where} Sequence: {name} is {inner!r}; it must be a list")
    return inner
