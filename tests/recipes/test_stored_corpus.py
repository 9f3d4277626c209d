"""A corpus is copied into an object store, and a model learns from it there as from the folder."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import fsspec
import pytest
from fsspec.implementations.memory import MemoryFileSystem

import foretext
from foretext.checkpoints.saved_model import load_model
from foretext.cli import main
from foretext.corpus import Corpus
from foretext.errors import DataError, SettingsError
from foretext.recipes.pretrain import pretrain
from foretext.recipes.settings.pretrain import PretrainSettings
from foretext.tokenizer import Tokenizer

TEXT = "the cat is in the barn. the dog is in the yard. "
SMALL = {"layers": 1, "width": 16, "heads": 2, "context": 16, "device": "cpu", "precision": "fp32"}
SHORT = {"updates": 4, "batch": 3, "warmup": 1, "validate_every": 2}


@pytest.fixture(autouse=True)
def empty_store() -> Iterator[None]:
    """What a test leaves in memory goes."""
    yield
    MemoryFileSystem.store.clear()
    MemoryFileSystem.pseudo_dirs[:] = [""]


@pytest.fixture
def texts(tmp_path: Path) -> list[str]:
    """The words of a call of `foretext prepare` with --out and --tokenizer."""
    for number in range(20):
        (tmp_path / f"{number:02}.txt").write_text(TEXT * (1 + number % 5))
    files = sorted(map(str, tmp_path.glob("*.txt")))
    Tokenizer.learn(files, 50).save(tmp_path / "tokenizer")
    own = ["--out", str(tmp_path / "corpus"), "--tokenizer", str(tmp_path / "tokenizer")]
    return [*files, *own, "--validation", "0.3", "--workers", "1"]


def test_a_model_of_a_stored_corpus_is_that_of_the_folder(texts: list[str], tmp_path: Path):
    assert main(["prepare", *texts, "--copy-to", "memory://bucket/corpus"]) == 0
    places = {"here": str(tmp_path / "corpus"), "stored": "memory://bucket/corpus"}
    for name, place in places.items():
        settings = PretrainSettings.named({"corpus": place, "out": tmp_path / name, **SMALL, **SHORT, "verify": True})
        pretrain(settings)
    models = [(tmp_path / name / "model.safetensors").read_bytes() for name in places]
    assert models[0] == models[1]
    assert "memory://bucket/corpus" in (tmp_path / "stored" / "settings.toml").read_text()
    made = foretext.pretrain("memory://bucket/corpus", **SMALL, **SHORT)
    assert made.saved.fingerprint == load_model(tmp_path / "here").fingerprint


def test_what_is_copied_already_is_not_copied_again_and_nothing_else_is_lost(
    texts: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    copy = ["--copy-to", "memory://bucket/corpus"]
    assert main(["prepare", *texts, *copy]) == 0
    assert "corpus saved in memory://bucket/corpus" in capsys.readouterr().out
    first = Corpus.open("memory://bucket/corpus", verify=True)
    fsspec.filesystem("memory").rm("/bucket/corpus/manifest.json")  # as when the copy was cut off
    assert main(["prepare", *texts, *copy]) == 0
    assert main(["prepare", *texts, *copy]) == 0
    (tmp_path / "00.txt").write_text("the dog " * 30)
    texts[texts.index("--out") + 1] = str(tmp_path / "other")
    assert main(["prepare", *texts, *copy]) == DataError.exit_code
    assert "memory://bucket/corpus holds another corpus" in capsys.readouterr().err
    assert Corpus.open("memory://bucket/corpus", verify=True).fingerprint == first.fingerprint


def test_what_is_no_store_is_refused_before_anything_is_read(texts: list[str], tmp_path: Path):
    assert main(["prepare", *texts, "--copy-to", str(tmp_path / "there")]) == SettingsError.exit_code
    assert not (tmp_path / "corpus").exists()


def test_a_folder_to_write_to_is_of_this_machine():
    with pytest.raises(SettingsError, match="out is 's3://bucket/run'; a file or folder of this machine is needed"):
        PretrainSettings(corpus="corpus", out="s3://bucket/run")
