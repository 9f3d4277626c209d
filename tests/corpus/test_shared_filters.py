"""Filters and MinHash in tasks: what is left out is counted by reason, and does not depend on the number of tasks."""

from __future__ import annotations

import hashlib
import logging
from pathlib import Path

import pytest

from foretext.corpus import Corpus, prepare
from foretext.corpus.preparer import plan_of
from foretext.corpus.shared.preparing import Sharing, prepare_shared
from foretext.tokenizer import Tokenizer

for needed in ("datatrove", "spacy"):
    pytest.importorskip(needed, reason="filters need datatrove and spacy: pip install 'foretext[scale]'")


def shared(
    inputs: Path, out: Path, tokenizer: Tokenizer, tasks: int, *, filters: tuple[str, ...] = (), minhash: bool = False
) -> Corpus:
    plan = plan_of(
        tokenizer,
        field="text",
        validation=0.2,
        strict=False,
        shard_tokens=300,
        separator="newline",
        line_breaks="keep",
        filters=filters,
        minhash=minhash,
    )
    sharing = Sharing("local", tasks, workers=1)
    corpus = prepare_shared([inputs], out, tokenizer=tokenizer, plan=plan, sharing=sharing)
    assert isinstance(corpus, Corpus)
    return corpus


def content(folder: Path) -> dict[str, str]:
    """The hash of every file of a folder."""
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return {str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def good(number: int) -> str:
    """A text that every filter lets pass: its sentences share no run of words."""
    words = [f"{'abcdefghij'[(number + place * 7) % 10]}{'aeiou'[place % 5]}rn{place:02}" for place in range(120)]
    return "\n".join(f"The {' '.join(words[at : at + 12])} and have to be with that of it." for at in range(0, 120, 12))


def test_what_filters_leave_out_is_counted_by_reason_whatever_the_number_of_tasks(
    tokenizer: Tokenizer, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    inputs = tmp_path / "texts"
    inputs.mkdir()
    (inputs / "a.txt").write_text(good(1))
    (inputs / "b.txt").write_text("Too short.")
    (inputs / "c.txt").write_text(good(2) + "\nA line without an end\n" + "Use javascript for this one.\n")
    (inputs / "d.txt").write_text(good(3) + "\nint main() { return 0; } is code that ends like so.")
    expected = {
        "c4-quality: curly_bracket (document left out)": 1,
        "c4-quality: document of which a part was left out (kept)": 1,
        "c4-quality: javascript (line left out)": 1,
        "c4-quality: no_terminal_punc (line left out)": 1,
        "gopher-quality: gopher_short_doc (document left out)": 1,
    }
    filters = ("gopher-quality", "c4-quality")
    found = []
    for tasks in (1, 3):
        with caplog.at_level(logging.INFO):
            corpus = shared(inputs, tmp_path / f"{tasks}", tokenizer, tasks, filters=filters)
        assert corpus.manifest.removed == expected
        assert corpus.manifest.plan.filters == filters
        found.append(content(corpus.folder))
        assert "1 × gopher-quality: gopher_short_doc (document left out)" in caplog.text
        assert f"gopher-quality: gopher_short_doc (document left out): {inputs / 'b.txt'}" in caplog.text
    assert found[0] == found[1]
    (inputs / "kept").mkdir()
    (inputs / "kept/a.txt").write_text(good(1))
    (inputs / "kept/c.txt").write_text(good(2))
    kept = prepare(
        [inputs / "kept"], tmp_path / "kept", tokenizer=tokenizer, workers=1, validation=0.2, shard_tokens=300
    )
    assert kept.manifest.splits == corpus.manifest.splits


def test_of_documents_much_alike_one_stays_the_same_one_whatever_the_number_of_tasks(
    tokenizer: Tokenizer, tmp_path: Path
) -> None:
    inputs = tmp_path / "texts"
    inputs.mkdir()
    for number, text in enumerate([good(1), good(2), good(1).replace("ab", "AB") + " More.", good(3), good(1)]):
        (inputs / f"{number}.txt").write_text(text)
    found = []
    for tasks in (1, 3):
        corpus = shared(inputs, tmp_path / f"{tasks}", tokenizer, tasks, minhash=True)
        assert corpus.manifest.removed == {"minhash: document much like another one (left out)": 2}
        assert corpus.manifest.counts.documents == 3
        found.append(content(corpus.folder))
    assert found[0] == found[1]
