"""What lies in a person's folder is replaced by a model only where Foretext wrote it, and nobody changed it since."""

from __future__ import annotations

import logging
import stat
from pathlib import Path

import pytest

from foretext.checkpoints.hub import from_pretrained, save_pretrained
from foretext.checkpoints.saved_model import SavedModel, load_model, save_model
from foretext.corpus import Corpus
from foretext.errors import DataError, SettingsError
from foretext.model.gpt import GPT
from foretext.model.settings import ModelSettings
from foretext.tokenizer import Tokenizer

TOKENIZER = Tokenizer.learn_from_texts(["a cat sat"], 12)


@pytest.fixture(scope="module")
def saved() -> SavedModel:
    return SavedModel(GPT(ModelSettings(layers=1, width=4, heads=1, context=4, vocabulary=TOKENIZER.size)), TOKENIZER)


def names(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


def test_a_page_of_ours_is_replaced(tmp_path: Path, saved: SavedModel) -> None:
    for name in ("first", "second"):
        save_pretrained(saved, tmp_path, name=name)
    assert "# second" in (tmp_path / "README.md").read_text()
    assert names(tmp_path) == {"README.md", "model.json", "model.safetensors", "tokenizer.json"}


@pytest.mark.parametrize("text", ["# My project\n", None], ids=["another", "changed"])
def test_a_page_of_somebody_else_stays_and_ours_stands_beside_it(
    tmp_path: Path, saved: SavedModel, caplog: pytest.LogCaptureFixture, text: str | None
) -> None:
    page = tmp_path / "README.md"
    if text is None:
        save_pretrained(saved, tmp_path)
        text = page.read_text() + "A word of mine.\n"
    page.write_text(text)
    for name in ("first", "second"):
        with caplog.at_level(logging.WARNING):
            save_pretrained(saved, tmp_path, name=name)
    assert page.read_text() == text
    assert "# second" in (tmp_path / "README.foretext.md").read_text()
    assert "README.md is your own, or was changed since, and stays; the page of the model is" in caplog.text


def test_where_both_pages_are_somebody_elses_nothing_is_written(tmp_path: Path, saved: SavedModel) -> None:
    (tmp_path / "README.md").write_text("mine")
    (tmp_path / "README.foretext.md").write_text("mine, too")
    with pytest.raises(SettingsError, match="README.md and .*README.foretext.md are your own"):
        save_pretrained(saved, tmp_path)
    assert names(tmp_path) == {"README.md", "README.foretext.md"}


@pytest.mark.parametrize("name", ["tokenizer.json", "model.json", "model.safetensors"])
def test_a_file_of_another_program_is_not_replaced(tmp_path: Path, saved: SavedModel, name: str) -> None:
    (tmp_path / name).write_text('{"format": "theirs"}')
    with pytest.raises(SettingsError, match=f"/{name} is not from Foretext and would be replaced"):
        save_pretrained(saved, tmp_path)
    assert (tmp_path / name).read_text() == '{"format": "theirs"}'
    assert names(tmp_path) == {name}


def test_a_model_of_ours_is_replaced_even_where_its_writing_was_cut_off(tmp_path: Path, saved: SavedModel) -> None:
    save_model(tmp_path, saved)
    (tmp_path / "model.json").unlink()
    save_pretrained(saved, tmp_path)
    assert load_model(tmp_path).fingerprint


def test_all_files_of_a_model_can_be_read_by_whom_the_system_lets_read_new_files(
    tmp_path: Path, saved: SavedModel
) -> None:
    (tmp_path / "new").touch()
    save_pretrained(saved, tmp_path / "model")
    modes = {stat.S_IMODE(path.stat().st_mode) for path in (tmp_path / "model").iterdir()}
    assert modes == {stat.S_IMODE((tmp_path / "new").stat().st_mode)}


def test_the_sign_of_the_home_folder_is_understood_in_python(
    tmp_path: Path, saved: SavedModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.chdir(tmp_path)
    save_pretrained(saved, "~/a")
    save_model("~/b", saved)
    TOKENIZER.save("~/c")
    assert from_pretrained("~/a").fingerprint == load_model("~/b").fingerprint
    assert Tokenizer.load(Path("~/c")).fingerprint == TOKENIZER.fingerprint
    with pytest.raises(DataError, match=f"{tmp_path}/home/a is no prepared corpus"):
        Corpus.open("~/a")
    assert names(tmp_path) == {"home"}
