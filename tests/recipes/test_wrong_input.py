"""Whatever is wrong with what was given: one clear line, exit code 2, and nothing half-written."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from foretext.cli import main
from foretext.tokenizer import Tokenizer


@pytest.fixture
def train(labelled: Path, tmp_path: Path) -> Path:
    """A copy of good training data, to be spoilt."""
    return Path(shutil.copy(labelled / "train.csv", tmp_path / "train.csv"))


def refused(capsys: pytest.CaptureFixture[str], *arguments: object) -> str:
    """The one line that a command with wrong input leaves on stderr."""
    code = main([str(argument) for argument in arguments])
    said = [line for line in capsys.readouterr().err.splitlines() if line.startswith("foretext: ")]
    assert code == 2
    assert len(said) == 1
    return said[0]


def finetune(capsys, model, data, *more):
    out = Path(data).parent / "out"
    line = refused(capsys, "finetune", model, "--data", data, "--kind", "classification", "--out", out, *more)
    assert not out.exists()
    return line


def test_a_missing_file(capsys, language_model, tmp_path):
    assert "no-such.csv" in finetune(capsys, language_model, tmp_path / "no-such.csv")


def test_an_empty_file(capsys, language_model, tmp_path):
    (tmp_path / "empty.csv").write_text("")
    assert "empty.csv is empty" in finetune(capsys, language_model, tmp_path / "empty.csv")


def test_a_ragged_row(capsys, language_model, train):
    train.write_text(train.read_text() + "99,one cell too many,cat,surplus\n")
    lines = train.read_text().count("\n")
    assert f"train.csv:{lines}: " in finetune(capsys, language_model, train)


def test_an_unknown_column(capsys, language_model, train):
    line = finetune(capsys, language_model, train, "--label", "lable")
    assert "'lable'" in line
    assert "did you mean 'label'" in line


def test_one_class_only(capsys, language_model, tmp_path):
    (tmp_path / "one.csv").write_text("text,label\na cat,cat\nanother cat,cat\n")
    assert "two classes at least" in finetune(capsys, language_model, tmp_path / "one.csv")


def test_a_missing_label(capsys, language_model, train):
    train.write_text(train.read_text() + "99,Ann saw a cat in the barn.,\n")
    line = finetune(capsys, language_model, train)
    assert f"train.csv:{train.read_text().count(chr(10))}: column 'label'" in line


def test_text_that_is_not_utf_8(capsys, language_model, train):
    train.write_bytes(train.read_bytes() + b"99,caf\xe9,cat\n")
    assert "UTF-8" in finetune(capsys, language_model, train)


def test_a_model_folder_with_a_truncated_weight_file(capsys, language_model, train, tmp_path):
    model = tmp_path / "model"
    model.mkdir()
    for name in ("model.json", "tokenizer.json", "model.safetensors"):
        shutil.copy(language_model / name, model / name)
    weights = model / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-64])
    assert "model.safetensors is damaged" in finetune(capsys, model, train)


def test_a_corpus_made_with_another_tokenizer(capsys, language_model, tmp_path):
    corpus = Path(shutil.copytree(language_model.parent / "corpus", tmp_path / "corpus"))
    Tokenizer.learn_from_texts(["quite other words than those"], 60).save(corpus)
    line = refused(capsys, "pretrain", corpus, "--preset", "tiny", "--out", tmp_path / "run", "--updates", "1")
    assert "tokenizer" in line
    assert not (tmp_path / "run").exists()


@pytest.fixture
def full_disk(tmp_path: Path):
    """A folder on a disk of 64 KB; needs the right to mount one."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", str(folder)], capture_output=True, check=False
    )
    if mounted.returncode:
        pytest.skip("no right to mount a small disk here")
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


def test_a_full_disk(capsys, language_model, labelled, full_disk):
    line = refused(
        capsys,
        *("finetune", language_model, "--data", labelled / "train.csv", "--kind", "classification"),
        *("--out", full_disk / "run", "--epochs", 1),
    )
    assert "are free; make room" in line
    assert not list(full_disk.rglob("*.safetensors"))


def test_a_full_disk_leaves_an_older_file_of_answers_as_it_was(capsys, classifier, labelled, full_disk):
    out = full_disk / "answers.jsonl"
    out.write_text("old\n")
    filler = full_disk / "filler"
    filler.write_bytes(b"x" * (full_disk_free(full_disk) - 4096))
    assert "no space left" in refused(capsys, "predict", classifier, labelled / "train.csv", "--out", out)
    assert out.read_text() == "old\n"
    assert sorted(path.name for path in full_disk.iterdir()) == ["answers.jsonl", "filler"]


def full_disk_free(folder: Path) -> int:
    return shutil.disk_usage(folder).free
