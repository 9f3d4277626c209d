"""What stands in a corpus already is left out of it, and nothing else is."""

from __future__ import annotations

from pathlib import Path

from foretext.corpus import prepare
from foretext.corpus.cleaning import COPY, NEAR_COPY, REPAIRED, Removed, cleaned
from foretext.corpus.documents import Document
from foretext.files import sha256
from foretext.tokenizer import Tokenizer


def numbered(letter: str, count: int) -> str:
    return " ".join(f"{letter}{chr(97 + k // 26)}{chr(97 + k % 26)}" for k in range(count))


def kept(texts: list[str], *, dedup: bool = False, clean: bool = False) -> tuple[list[str], dict[str, int]]:
    """The texts that stay, and what was counted."""
    removed = Removed()
    documents = [Document(text, f"a:{k}") for k, text in enumerate(texts, start=1)]
    found = [document.text for document in cleaned(documents, removed, dedup=dedup, clean=clean)]
    return found, dict(removed.counts)


def test_short_and_empty_texts_are_no_copies_of_each_other() -> None:
    assert kept(["yes", "no", "yes", "", ""], dedup=True) == (["yes", "no", "", ""], {COPY: 1})


def test_a_sentence_and_its_negation_both_stay() -> None:
    short, long = "the film is good", numbered("word", 60) + " and so the film is good"
    texts = [short, long, short.replace("is", "is not"), long.replace("is good", "is not good")]
    assert kept(texts, dedup=True) == (texts, {})


def test_a_document_that_says_the_same_is_left_out() -> None:
    text = numbered("word", 60)
    assert kept([text, text.replace("wordan", "other")], dedup=True) == ([text], {NEAR_COPY: 1})


def test_a_chain_loses_only_documents_that_are_like_one_that_stays() -> None:
    words = numbered("word", 140).split()
    chain = [" ".join(words[4 * k : 4 * k + 60]) for k in range(17)]  # each is like the next, no other
    assert kept(chain, dedup=True) == (chain[::2], {NEAR_COPY: 8})


def test_documents_that_share_a_frame_all_stay() -> None:
    texts = [f"{numbered('frame', 180)} {numbered(f'own{k}', 20)}" for k in "abcde"]
    assert kept(texts, dedup=True) == (texts, {})


def test_a_licence_stays_in_three_documents_and_is_left_out_of_the_others() -> None:
    licence = "\n".join(numbered(f"licence{k}", 10) for k in "abc")
    texts = [f"{licence}\n\n{numbered(f'own{chr(97 + k)}', 30)}\n" for k in range(6)]
    found, counts = kept(texts, clean=True)
    assert ["licence" in text for text in found] == [True] * 3 + [False] * 3
    assert all(f"own{chr(97 + k)}" in text for k, text in enumerate(found))
    assert sum(counts.values()) == 9


def test_a_short_line_that_comes_again_stays() -> None:
    texts = [f"Once upon a time there was a king.\n{numbered(f'own{chr(97 + k)}', 30)}" for k in range(8)]
    assert kept(texts, clean=True) == (texts, {})


def test_to_clean_twice_is_to_clean_once() -> None:
    lines = [numbered(f"line{k}", 9) for k in "abcdef"]
    texts = [
        "\n".join([*lines[k % 3 :], f"cafÃ© {numbered(f'own{chr(97 + k)}', 12)}", *lines[: k % 4]]) for k in range(12)
    ]
    once, counts = kept(texts, clean=True)
    assert counts[REPAIRED] == 12
    assert kept(once, clean=True) == (once, {})


def test_what_is_repaired_or_left_out_is_named_with_its_document() -> None:
    removed = Removed()
    texts = ["The cafÃ© here.", "The cafÃ© here.", "one", "The cafÃ© here."]
    documents = [Document(text, f"a:{k}") for k, text in enumerate(texts, start=1)]
    assert len(list(cleaned(documents, removed, dedup=True, clean=True))) == 2
    assert removed.lines() == [f"{COPY}: a:2, a:4", f"{REPAIRED}: " + ", ".join(f"a:{k} (Ã© → é)" for k in (1, 2, 4))]


def test_a_corpus_is_the_same_whatever_the_number_of_workers(tmp_path: Path) -> None:
    texts = [f"{numbered('word', 30)} {numbered(f'own{chr(97 + k)}', 30)}" for k in range(20)]
    (tmp_path / "a.jsonl").write_text("".join(f'{{"text": "{text}"}}\n' for text in texts * 2), encoding="utf-8")
    tokenizer = Tokenizer.learn_from_texts(texts, 300)
    made = []
    for workers in (1, 2):
        corpus = prepare(
            [tmp_path / "a.jsonl"], tmp_path / f"{workers}", tokenizer=tokenizer, workers=workers, dedup=True
        )
        made.append([sha256(file) for file in sorted((tmp_path / f"{workers}").rglob("*.*")) if file.is_file()])
        assert corpus.manifest.removed == {COPY: 20}
        assert corpus.manifest.counts.documents == 20
    assert made[0] == made[1]


def test_a_corpus_that_was_not_cleaned_says_nothing_of_it(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text(numbered("word", 60), encoding="utf-8")
    prepare([tmp_path / "a.txt"], tmp_path / "out", tokenizer=Tokenizer.learn_from_texts([numbered("word", 60)], 100))
    manifest = (tmp_path / "out" / "manifest.json").read_text(encoding="utf-8")
    assert not [name for name in ("dedup", "clean", "removed") if name in manifest]
