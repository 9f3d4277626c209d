"""What is to be known of raw text before a model learns from it: copies, frames, damage, languages, tables."""

from __future__ import annotations

import heapq
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from foretext.checkup.finding import EXAMPLES, PLACES, Finding
from foretext.checkup.rows import key_of
from foretext.checkup.tongues import MAIN, said, whole
from foretext.corpus import Problems
from foretext.corpus.documents import Document
from foretext.texts.alike import Shingled, alike_pairs, says_the_same
from foretext.texts.damage import damage_of, has_control
from foretext.texts.language import languages
from foretext.texts.layout import Layout, layout_of
from foretext.texts.passages import LENGTH, TEXTS, common_passages
from foretext.texts.showing import shown

SAMPLE = 2_000  # documents whose texts are compared
MOST_CHARACTERS = 50_000  # of such a text


@dataclass
class Corpus:
    """Documents as they go by: a few bytes of each are kept, of a sample the text."""

    most: int = SAMPLE
    documents: int = 0
    empty: int = 0
    characters: int = 0
    repeated: list[str] = field(default_factory=list)  # places of documents that repeat an earlier one
    copies: int = 0
    damaged: dict[str, tuple[str, str]] = field(default_factory=dict)
    damages: int = 0
    lost: dict[str, int] = field(default_factory=dict)
    lost_characters: int = 0
    control: list[str] = field(default_factory=list)  # places of documents with control characters
    controls: int = 0
    _seen: set[int] = field(default_factory=set)
    _heap: list[tuple[int, int, Document]] = field(default_factory=list)

    def add(self, document: Document) -> None:
        """Looks at one document."""
        text = document.text
        self.documents += 1
        self.characters += len(text)
        if not text.strip():
            self.empty += 1
            return
        key = key_of(text)
        if key in self._seen:
            self.copies += 1
            self.repeated += [document.where] if self.copies <= PLACES else []
            return
        self._seen.add(key)
        self._look_at(document)
        entry = (-key, -self.documents, replace(document, text=text[:MOST_CHARACTERS]))
        if len(self._heap) < self.most:
            heapq.heappush(self._heap, entry)
        elif entry[:2] > self._heap[0][:2]:
            heapq.heapreplace(self._heap, entry)

    def sample(self) -> list[Document]:
        """The documents that are compared, in their order."""
        return [document for _, _, document in sorted(self._heap, key=lambda entry: -entry[1])]

    def _look_at(self, document: Document) -> None:
        damage = damage_of(document.text)
        if has_control(damage.repaired):
            self.controls += 1
            self.control += [document.where] if self.controls <= PLACES else []
        if damage.lost:
            self.lost_characters += damage.lost
            self.lost[document.where] = damage.lost
        if damage.sure or damage.doubtful:
            self.damages += 1
            if len(self.damaged) < PLACES:
                self.damaged[document.where] = (damage.sure or ((damage.doubtful[0], ""),))[0]


def check_corpus(
    documents: Iterable[Document], problems: Problems, *, most: int, step: Callable[[str], None]
) -> tuple[list[Finding], Mapping[str, int], Sequence[str]]:
    """The findings about documents, what was read of them, and what was looked at in part.

    Raises:
        DataError: as in `foretext.corpus.read_documents`.
    """
    corpus = Corpus(most)
    for document in documents:
        corpus.add(document)
    sample = corpus.sample()
    findings = [*_problems(problems), *_quick(corpus)]
    step("near repeats")
    pairs = alike_pairs([document.text for document in sample])
    findings += _near(sample, pairs)
    step("passages")
    copies = {later for _, later in pairs}
    findings += _passages([document for k, document in enumerate(sample) if k not in copies])
    step("languages")
    findings += [*_languages(sample), *_layout(sample)]
    read = {"documents": corpus.documents, "empty": corpus.empty, "characters": corpus.characters}
    different = corpus.documents - corpus.empty - corpus.copies
    partly = [f"{len(sample):,} of {different:,} documents: near repeats, passages, languages, layout"]
    return findings, read, partly if len(sample) < different else []


def _problems(problems: Problems) -> list[Finding]:
    if not problems.total:
        return []
    kinds = dict(sorted(problems.counts.items()))
    says = "problems in the input; prepare replaces or leaves out what is named"
    return [Finding("reading", "doubtful", says, kinds, (), tuple(shown(line, 200) for line in problems.first))]


def _quick(corpus: Corpus) -> list[Finding]:
    found = []
    if corpus.empty:
        found.append(Finding("empty texts", "doubtful", "documents without any text", {"documents": corpus.empty}))
    if corpus.copies:
        says = "documents that repeat an earlier one exactly; `prepare --dedup` leaves them out"
        found.append(Finding("repeats", "doubtful", says, {"surplus documents": corpus.copies}, tuple(corpus.repeated)))
    if corpus.damages:
        says = "documents with characters of a damaged encoding; `prepare --clean` repairs what is sure"
        examples = tuple(
            f"{shown(damaged, 20)} → {shown(was, 20) if was else '(not sure)'}"
            for damaged, was in list(corpus.damaged.values())[:EXAMPLES]
        )
        counts = {"documents": corpus.damages}
        found.append(Finding("encoding", "doubtful", says, counts, tuple(corpus.damaged), examples))
    if corpus.lost:
        says = "documents with the character U+FFFD, which stands for one that is lost"
        counts = {"documents": len(corpus.lost), "characters": corpus.lost_characters}
        found.append(Finding("encoding", "doubtful", says, counts, tuple(corpus.lost)[:PLACES]))
    if corpus.controls:
        says = "documents with control characters, such as those that a terminal obeys"
        found.append(Finding("encoding", "doubtful", says, {"documents": corpus.controls}, tuple(corpus.control)))
    return found


def _near(sample: Sequence[Document], pairs: Sequence[tuple[int, int]]) -> list[Finding]:
    if not pairs:
        return []
    places = tuple(f"{sample[one].where} and {sample[other].where}" for one, other in pairs[:PLACES])
    examples = tuple(shown(sample[place].text) for pair in pairs[:2] for place in pair)
    same = sum(_say_the_same(sample[one].text, sample[other].text) for one, other in pairs)
    counts = {
        "pairs": len(pairs),
        "documents": len({place for pair in pairs for place in pair}),
        "pairs with the same numbers and negations": same,
    }
    says = (
        "pairs of documents that are nearly equal; where numbers and negations are the same too, `prepare --dedup` "
        "leaves out the one that is like one that stays"
    )
    return [Finding("near repeats", "doubtful", says, counts, places, examples)]


def _say_the_same(one: str, other: str) -> bool:
    first, second = Shingled.of(one), Shingled.of(other)
    return first is not None and second is not None and says_the_same(first, second)


def _passages(sample: Sequence[Document]) -> list[Finding]:
    """Passages that several documents share, copies of whole documents aside."""
    each = common_passages([document.text for document in sample])
    having = [(document, found) for document, found in zip(sample, each, strict=True) if found.words]
    if not having:
        return []
    share = sum(found.words for found in each) / max(1, sum(found.of for found in each))
    says = (
        f"boiler-plate: documents with a passage of {LENGTH} words or more that stands in {TEXTS} documents or more, "
        f"{share:.1%} of all words; `prepare --clean` leaves out whole lines of it"
    )
    counts = {"documents": len(having), "words": sum(found.words for _, found in having)}
    places = tuple(document.where for document, _ in having[:PLACES])
    examples = tuple(dict.fromkeys(shown(found.first) for _, found in having))[:EXAMPLES]
    return [Finding("passages", "doubtful", says, counts, places, examples)]


def _languages(sample: Sequence[Document]) -> list[Finding]:
    shares: Counter[str] = Counter()
    each = [Counter(languages(document.text)) for document in sample]
    for found in each:
        shares.update(found)
    if not shares:
        return []
    counts = {"documents looked at": len(sample), "undetermined": sum(not found for found in each)}
    result = [
        Finding("languages", "sound", f"languages, by letters where the language is known: {said(shares)}", counts)
    ]
    main, letters = max(shares.items(), key=lambda one: (one[1], one[0]))
    others = [
        document for document, found in zip(sample, each, strict=True) if (whole(found, document.text) or main) != main
    ]
    if others and letters >= MAIN * shares.total():
        says = f"documents in another language than nearly all, which are in {main}"
        places, examples = (
            tuple(one.where for one in others[:PLACES]),
            tuple(shown(one.text) for one in others[:EXAMPLES]),
        )
        result.append(Finding("languages", "doubtful", says, {"documents": len(others)}, places, examples))
    return result


def _layout(sample: Sequence[Document]) -> list[Finding]:
    each: Sequence[tuple[Document, Layout]] = [(document, layout_of(document.text)) for document in sample]
    total = sum((layout for _, layout in each), Layout())
    if not total.characters:
        return []
    lists, tables = total.lists / total.characters, total.tables / total.characters
    says = f"of all characters {lists:.1%} stand in lists and {tables:.1%} in tables; a model learns to write them too"
    mostly = [document.where for document, one in each if 2 * (one.lists + one.tables) > one.characters]
    counts = {"documents that are mostly lists or tables": len(mostly), "documents looked at": len(sample)}
    return [Finding("layout", "sound", says, counts, tuple(mostly[:PLACES]))]
