"""Preparing text gives the same corpus however it is done: order of work, number of workers, interruptions."""

from __future__ import annotations

import hashlib
import json
import logging
import os
import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from foretext.corpus import Corpus, documents, prepare, preparer, shards
from foretext.corpus.units import split_of, units
from foretext.errors import DataError, DiskFull, FingerprintMismatch, ForetextError, UnknownName
from foretext.recipes.prepare import prepare as prepare_command
from foretext.recipes.settings.prepare import PrepareSettings
from foretext.tokenizer import Tokenizer

Story = Callable[[int], str]
Stories = Callable[..., Path]


@pytest.fixture(autouse=True)
def small_units(monkeypatch: pytest.MonkeyPatch) -> None:
    """Some ten units for the stories of a test, not one."""
    monkeypatch.setattr(preparer, "units", partial(units, characters=500))


@pytest.fixture
def quick(tokenizer: Tokenizer) -> Callable[..., Corpus]:
    """`prepare` in this process, with a fifth of the documents for validation."""
    return partial(prepare, tokenizer=tokenizer, workers=1, validation=0.2)


def content(folder: Path) -> dict[str, str]:
    """The hash of every file of a folder."""
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


class InterruptedTokenizer:
    """Encodes so many texts and is interrupted."""

    def __init__(self, tokenizer: Tokenizer, texts: int, error: type[BaseException] = KeyboardInterrupt) -> None:
        self._tokenizer, self.left, self._error = tokenizer, texts, error

    def __getattr__(self, name: str) -> Any:
        return getattr(self._tokenizer, name)

    def encode(self, text: str) -> list[int]:
        if self.left == 0:
            raise self._error
        self.left -= 1
        return self._tokenizer.encode(text)


def test_a_corpus_holds_the_ids_of_each_document_and_a_line_break_behind_it(
    quick: Callable[..., Corpus], tokenizer: Tokenizer, stories: Stories, story: Story, tmp_path: Path
) -> None:
    corpus = quick([stories(range(30))], tmp_path / "out")
    for name in ("train", "valid"):
        expected = [
            [*tokenizer.encode(text), tokenizer.newline]
            for text in map(story, range(30))
            if split_of(text, 0.2) == name
        ]
        assert [document.tolist() for document in corpus.split(name).documents()] == expected
        assert len(expected) > 1
    assert Tokenizer.load(corpus.folder).fingerprint == tokenizer.fingerprint


def test_the_manifest_says_what_the_corpus_was_made_of(
    quick: Callable[..., Corpus], tokenizer: Tokenizer, stories: Stories, story: Story, tmp_path: Path
) -> None:
    path = stories(range(5))
    path.write_text(path.read_text() + '{"text": "\\n "}\n{}\n')
    corpus = quick([path], tmp_path / "out", validation=0.0, separator="none")
    manifest = json.loads((tmp_path / "out/manifest.json").read_text())
    texts = [*map(story, range(5)), "\n "]
    assert manifest["counts"] == {
        "documents": 6,
        "empty": 1,
        "pieces": 0,
        "characters": sum(map(len, texts)),
        "tokens": sum(len(tokenizer.encode(text)) for text in texts),
    }
    assert manifest["plan"]["tokenizer"] == tokenizer.fingerprint
    assert manifest["plan"]["separator_id"] is None
    assert manifest["sources"][0]["path"] == str(path)
    assert manifest["sources"][0]["bytes"] == path.stat().st_size
    assert manifest["problems"]["first"] == [f"{path}:7: no field 'text'; there are: none"]
    assert any("1 documents without a token" in line for line in corpus.lines())


def test_the_corpus_does_not_depend_on_the_number_of_workers(
    quick: Callable[..., Corpus], stories: Stories, tmp_path: Path
) -> None:
    path = stories(range(30))
    quick([path], tmp_path / "one")
    quick([path], tmp_path / "two", workers=2)
    assert content(tmp_path / "one") == content(tmp_path / "two")


def test_the_split_of_a_document_does_not_depend_on_the_others(
    quick: Callable[..., Corpus], stories: Stories, tmp_path: Path
) -> None:
    forward = quick([stories(range(30), "a.jsonl")], tmp_path / "forward")
    backward = quick([stories(range(29, -1, -1), "b.jsonl")], tmp_path / "backward")
    for name in ("train", "valid"):
        one, other = ([ids.tolist() for ids in corpus.split(name).documents()] for corpus in (forward, backward))
        assert one == other[::-1]


def test_the_valid_split_gets_its_share_of_the_documents() -> None:
    chosen = sum(split_of(f"text {number}", 0.1) == "valid" for number in range(10_000))
    assert 880 < chosen < 1120  # four standard deviations around 1,000


def test_an_interrupted_run_goes_on_and_ends_with_the_same_bytes(
    quick: Callable[..., Corpus], tokenizer: Tokenizer, stories: Stories, tmp_path: Path
) -> None:
    path, out = stories(range(30)), tmp_path / "out"
    quick([path], tmp_path / "whole")
    with pytest.raises(KeyboardInterrupt):
        quick([path], out, tokenizer=InterruptedTokenizer(tokenizer, 20))
    assert not out.exists()
    with pytest.raises(DataError, match="was interrupted; run the same `foretext prepare` again"):
        Corpus.open(out)
    second = InterruptedTokenizer(tokenizer, 30)
    quick([path], out, tokenizer=second)
    assert second.left > 10  # what was finished is not done again
    assert content(out) == content(tmp_path / "whole")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["out", "stories.jsonl", "whole"]


def test_text_that_changed_since_the_interruption_is_done_again(
    quick: Callable[..., Corpus], tokenizer: Tokenizer, stories: Stories, tmp_path: Path
) -> None:
    with pytest.raises(KeyboardInterrupt):
        quick([stories(range(30))], tmp_path / "out", tokenizer=InterruptedTokenizer(tokenizer, 20))
    path = stories(range(3, 33))
    quick([path], tmp_path / "out")
    quick([path], tmp_path / "whole")
    assert content(tmp_path / "out") == content(tmp_path / "whole")


def test_an_interruption_before_anything_is_finished_leaves_nothing(
    quick: Callable[..., Corpus], tokenizer: Tokenizer, stories: Stories, tmp_path: Path
) -> None:
    with pytest.raises(KeyboardInterrupt):
        quick([stories(range(30))], tmp_path / "out", tokenizer=InterruptedTokenizer(tokenizer, 0))
    assert [path.name for path in tmp_path.iterdir()] == ["stories.jsonl"]


def test_a_corpus_that_is_there_already_is_not_made_again(
    quick: Callable[..., Corpus],
    tokenizer: Tokenizer,
    stories: Stories,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
) -> None:
    path = stories(range(30))
    first = quick([path], tmp_path / "out")
    with caplog.at_level(logging.INFO):
        again = quick([path], tmp_path / "out", tokenizer=InterruptedTokenizer(tokenizer, 0))
    assert again.fingerprint == first.fingerprint
    assert "holds this corpus already; nothing to do" in caplog.text


def test_a_folder_with_something_else_is_left_alone(
    quick: Callable[..., Corpus], tokenizer: Tokenizer, stories: Stories, tmp_path: Path
) -> None:
    path = stories(range(30))
    quick([path], tmp_path / "out")
    with pytest.raises(DataError, match=r"validation is 0\.2 there and 0\.3 here"):
        quick([path], tmp_path / "out", validation=0.3)
    with pytest.raises(DataError, match="made from other files"):
        quick([stories(range(5), "other.jsonl")], tmp_path / "out")
    with pytest.raises(DataError, match="exists and is no corpus"):
        quick([path], tmp_path)
    with pytest.raises(KeyboardInterrupt):
        quick([path], tmp_path / "new", tokenizer=InterruptedTokenizer(tokenizer, 20))
    with pytest.raises(DataError, match="field is text there and body here"):
        quick([path], tmp_path / "new", field="body")


@pytest.mark.parametrize(
    ("data", "complaint"),
    [
        ("", "there is no document"),
        ('{"text": ""}\n{"text": " \\n"}\n', "all 2 documents are empty"),
        ("no json\n", "there is no document .1 problems, the first: .*stories.jsonl:1: not JSON"),
    ],
)
def test_an_input_without_text_is_an_error_and_leaves_nothing(
    quick: Callable[..., Corpus], tmp_path: Path, data: str, complaint: str
) -> None:
    path = tmp_path / "stories.jsonl"
    path.write_text(data)
    with pytest.raises(DataError, match=complaint):
        quick([path], tmp_path / "out")
    assert [path.name for path in tmp_path.iterdir()] == ["stories.jsonl"]


def test_strict_refuses_a_bad_record_and_leaves_nothing(quick: Callable[..., Corpus], tmp_path: Path) -> None:
    path = tmp_path / "stories.jsonl"
    path.write_text('{"text": "fine"}\n{}\n')
    with pytest.raises(DataError, match=r"stories\.jsonl:2: no field 'text'"):
        quick([path], tmp_path / "out", strict=True)
    assert [path.name for path in tmp_path.iterdir()] == ["stories.jsonl"]


def test_a_full_disk_keeps_what_is_finished(
    quick: Callable[..., Corpus], tokenizer: Tokenizer, stories: Stories, tmp_path: Path
) -> None:
    path = stories(range(30))
    with pytest.raises(DiskFull):
        quick([path], tmp_path / "out", tokenizer=InterruptedTokenizer(tokenizer, 20, DiskFull))
    assert (tmp_path / "out.unfinished").is_dir()
    assert quick([path], tmp_path / "out").manifest.counts.documents == 30


def test_a_large_vocabulary_uses_32_bits(
    quick: Callable[..., Corpus], stories: Stories, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = stories(range(30))
    narrow = quick([path], tmp_path / "narrow")
    monkeypatch.setattr(shards, "LARGEST_16_BIT", 100)
    wide = quick([path], tmp_path / "wide")
    assert (narrow.manifest.plan.dtype, wide.manifest.plan.dtype) == ("<u2", "<u4")
    assert (
        np.fromfile(tmp_path / "wide/train/00000.ds", "<u4").tolist()
        == narrow.split("train").read(0, narrow.split("train").token_count).tolist()
    )


def test_a_text_too_long_for_one_document_keeps_its_ids(
    quick: Callable[..., Corpus], tokenizer: Tokenizer, story: Story, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = "\n\n".join(map(story, range(12)))
    (tmp_path / "book.txt").write_text(text)
    monkeypatch.setattr(documents, "LONGEST", 400)
    corpus = quick([tmp_path / "book.txt"], tmp_path / "out", validation=0.0)
    train = corpus.split("train")
    assert corpus.manifest.counts.pieces == corpus.manifest.counts.documents > 3
    assert train.read(0, train.token_count).tolist() == [*tokenizer.encode(text), tokenizer.newline]


def test_wrapped_lines_may_flow_again(quick: Callable[..., Corpus], tokenizer: Tokenizer, tmp_path: Path) -> None:
    (tmp_path / "book.txt").write_text("the cat\nsat.\n\nthe end.")
    corpus = quick([tmp_path / "book.txt"], tmp_path / "out", validation=0.0, line_breaks="paragraphs")
    ids = corpus.split("train").read(0, corpus.split("train").token_count).tolist()
    assert ids == [*tokenizer.encode("the cat sat.\nthe end."), tokenizer.newline]


def test_an_empty_split_is_said(
    quick: Callable[..., Corpus], stories: Stories, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    corpus = quick([stories(range(2))], tmp_path / "out", validation=1e-9)
    assert corpus.split("valid").token_count == 0
    assert "the valid split is empty" in caplog.text


def test_a_damaged_corpus_is_refused(quick: Callable[..., Corpus], stories: Stories, tmp_path: Path) -> None:
    out = tmp_path / "out"
    quick([stories(range(30))], out)
    shard = out / "train/00000.ds"
    whole = shard.read_bytes()
    shard.write_bytes(whole[:-2])
    with pytest.raises(DataError, match=r"00000\.ds is damaged: .* bytes instead of"):
        Corpus.open(out)
    shard.write_bytes(bytes([whole[0] ^ 1]) + whole[1:])
    Corpus.open(out)
    with pytest.raises(DataError, match=r"00000\.ds is damaged: its SHA-256"):
        Corpus.open(out, verify=True)
    shard.unlink()
    with pytest.raises(DataError, match="belongs to the corpus but cannot be read"):
        Corpus.open(out)


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        (lambda text: text[:100], "damaged"),
        (lambda text: text.replace('"version": 1', '"version": 2'), "is of version 2, this program reads version 1"),
        (lambda text: text.replace('"tokens"', '"token"'), r"damaged: counts\.token: "),
        (lambda text: "[]", "damaged"),
    ],
)
def test_a_damaged_manifest_is_refused(
    quick: Callable[..., Corpus], stories: Stories, tmp_path: Path, change: Callable[[str], str], complaint: str
) -> None:
    quick([stories(range(3))], tmp_path / "out")
    manifest = tmp_path / "out/manifest.json"
    manifest.write_text(change(manifest.read_text()))
    with pytest.raises(DataError, match=complaint):
        Corpus.open(tmp_path / "out")


def test_a_folder_that_is_no_corpus_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="it has no manifest.json"):
        Corpus.open(tmp_path)
    with pytest.raises(DataError, match="there is no such folder"):
        Corpus.open(tmp_path / "missing")


def test_a_corpus_made_with_another_tokenizer_is_refused_with_both_named(
    quick: Callable[..., Corpus], tokenizer: Tokenizer, stories: Stories, tmp_path: Path
) -> None:
    corpus = quick([stories(range(3))], tmp_path / "out")
    corpus.check_tokenizer(tokenizer.fingerprint)
    other = "f" * 64
    with pytest.raises(FingerprintMismatch) as caught:
        corpus.check_tokenizer(other)
    assert tokenizer.fingerprint[:12] in str(caught.value)
    assert other[:12] in str(caught.value)


def test_an_unknown_split_is_refused(quick: Callable[..., Corpus], stories: Stories, tmp_path: Path) -> None:
    with pytest.raises(UnknownName, match="did you mean 'valid'"):
        quick([stories(range(3))], tmp_path / "out").split("validation")


def test_the_command_makes_what_the_call_makes(
    quick: Callable[..., Corpus], tokenizer: Tokenizer, stories: Stories, tmp_path: Path
) -> None:
    path = stories(range(30))
    tokenizer.save(tmp_path / "tokenizer")
    settings = PrepareSettings(
        inputs=(str(path),), out=tmp_path / "out", tokenizer=tmp_path / "tokenizer", validation=0.2, workers=1
    )
    assert prepare_command(settings).fingerprint == quick([path], tmp_path / "same").fingerprint
    assert content(tmp_path / "out") == content(tmp_path / "same")


PREPARE = """
    import sys
    from functools import partial
    from foretext.corpus import prepare, preparer
    from foretext.corpus.units import units
    from foretext.tokenizer import Tokenizer

    if __name__ == "__main__":
        preparer.units = partial(units, characters=500)
        prepare([sys.argv[1]], sys.argv[2], tokenizer=Tokenizer.load(sys.argv[3]), workers=2, validation=0.2)
"""


LONGEST_SECONDS = 60  # that a process without its parent may still be there


def children(parent: int) -> Iterator[int]:
    """The processes that a process started."""
    for task in Path(f"/proc/{parent}/task").iterdir():
        yield from map(int, (task / "children").read_text().split())


def runs(pid: int) -> bool:
    """Whether a process does; one that has ended may be listed for as long as nobody asks how."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2][0] not in "ZX"
    except (FileNotFoundError, ProcessLookupError):
        return False


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/task").is_dir(), reason="looks for processes where Linux shows them")
def test_a_killed_run_leaves_no_process_and_goes_on(
    quick: Callable[..., Corpus], tokenizer: Tokenizer, stories: Stories, tmp_path: Path
) -> None:
    path, out, script = stories(range(1_500)), tmp_path / "out", tmp_path / "script.py"
    script.write_text(textwrap.dedent(PREPARE))
    tokenizer.save(tmp_path / "tokenizer")
    process = subprocess.Popen([sys.executable, str(script), str(path), str(out), str(tmp_path / "tokenizer")])
    while len(list((tmp_path / "out.unfinished").glob("*.json"))) < 5:
        assert process.poll() is None
        time.sleep(0.01)
    workers = list(children(process.pid))
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert workers
    end = time.monotonic() + LONGEST_SECONDS
    while any(map(runs, workers)):
        assert time.monotonic() < end
        time.sleep(0.01)
    assert not out.exists()
    subprocess.run([sys.executable, str(script), str(path), str(out), str(tmp_path / "tokenizer")], check=True)
    quick([path], tmp_path / "whole")
    assert content(out) == content(tmp_path / "whole")


def test_a_worker_that_dies_is_said(
    quick: Callable[..., Corpus], tokenizer: Tokenizer, stories: Stories, tmp_path: Path
) -> None:
    with pytest.raises(ForetextError, match="a worker process ended without a word"):
        quick([stories(range(30))], tmp_path / "out", tokenizer=Deadly(), workers=2)


class Deadly:
    """A tokenizer that ends its process, as the system does when memory runs out."""

    size, extract, newline, fingerprint = 10, 12, None, "deadly"
    unknown, missing = None, frozenset[int]()

    def encode(self, text: str) -> list[int]:
        os._exit(9)


@pytest.mark.parametrize("name", ["000001.train.ds", "000001.train.ds.index", "000001.json"])
def test_a_unit_that_the_disk_has_not_kept_is_done_again_and_said(
    quick: Callable[..., Corpus],
    tokenizer: Tokenizer,
    stories: Stories,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
    name: str,
) -> None:
    path, out = stories(range(30)), tmp_path / "out"
    quick([path], tmp_path / "whole")
    with pytest.raises(KeyboardInterrupt):
        quick([path], out, tokenizer=InterruptedTokenizer(tokenizer, 20))
    part = tmp_path / "out.unfinished" / name
    part.write_bytes(part.read_bytes()[::-1])
    quick([path], out)
    assert content(out) == content(tmp_path / "whole")
    assert f"{name} is damaged" in caplog.text
