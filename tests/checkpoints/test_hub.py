"""To and from the Hub, with the Hub left out: the network is stood in for, and used by nothing else."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path
from unittest.mock import Mock

import huggingface_hub
import pytest
import torch
from huggingface_hub.errors import EntryNotFoundError, LocalEntryNotFoundError

import foretext
from foretext.checkpoints.find import find_model, installed_models
from foretext.checkpoints.history import History
from foretext.checkpoints.hub import (
    OPENAI_GPT_REPOSITORY,
    fetch_transformers,
    from_pretrained,
    push_to_hub,
    save_pretrained,
)
from foretext.checkpoints.saved_model import SavedModel
from foretext.checkpoints.transformers_folder import read_transformers
from foretext.errors import ModelError, SettingsError, UnknownName, Unreachable
from foretext.model.gpt import GPT
from foretext.model.settings import HeadSettings
from foretext.tasks.schema import TaskSchema

COMMIT = "0123abcd"


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path / "cache" / "foretext" / "models"


@pytest.fixture
def downloads(tmp_path, monkeypatch):
    """The Hub with what is put into the folder `hub/OWNER/NAME`; gives the list of what was fetched."""
    fetched = []

    def download(name, file, *, revision=None, library_name=None):
        fetched.append((name, file, revision))
        if not (tmp_path / "hub" / name / file).is_file():
            raise EntryNotFoundError(file)
        place = tmp_path / "hub-cache" / name / "snapshots" / COMMIT / file
        place.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(tmp_path / "hub" / name / file, place)
        return str(place)

    monkeypatch.setattr(huggingface_hub, "hf_hub_download", download)
    return fetched


@pytest.fixture
def offline(monkeypatch):
    def refuse(name, file, **options):
        raise LocalEntryNotFoundError("no network, no cache")

    monkeypatch.setattr(huggingface_hub, "hf_hub_download", refuse)


@pytest.fixture
def saved(port) -> SavedModel:
    """A fine-tuned model whose history has all that a card shows."""
    source = read_transformers(port, name="somebody/gpt")
    gpt = GPT(source.gpt.settings, HeadSettings(outputs=2)).eval()
    estimate = {"value": 0.8125, "low": 0.75, "high": 0.875, "count": 64}
    validation = {"count": 64, "main": "accuracy", "metrics": {"accuracy": estimate}, "chance": {"accuracy": 0.5}}
    history = {
        **source.history.to_json(),
        "pretraining": {"settings": {"updates": 7}, "corpus": "c0ffee", "result": {"valid_perplexity": 18.4}},
        "finetuning": {
            "settings": {"epochs": 3.0, "optimizer": {"clip": 1.0}},
            "data": "da7af00d",
            "result": {"folder": "/home/somebody/run", "validation": validation},
            "engine": {"device": "cpu"},
            "departures": [
                {"point": "6", "name": "", "stage": "finetuning", "setting": "clip", "value": 5.0, "paper": 1.0}
            ],
        },
    }
    task = TaskSchema(kind="classification", text=("text",), classes=("no", "yes"))
    return SavedModel(gpt, source.tokenizer, task=task, history=History.from_json(history))


def test_a_saved_model_comes_back_and_brings_a_card_the_hub_can_read(saved, tmp_path):
    save_pretrained(saved, tmp_path / "model", name="somebody/model")
    back = from_pretrained(tmp_path / "model")
    assert (back.task, back.history) == (saved.task, saved.history)
    for one, other in zip(saved.gpt.parameters(), back.gpt.parameters(), strict=True):
        assert torch.equal(one, other)
    card = huggingface_hub.ModelCard.load(tmp_path / "model" / "README.md")
    assert card.data.to_dict() == {
        "library_name": "foretext",
        "pipeline_tag": "text-classification",
        "tags": ["foretext", "openai-gpt"],
    }


@pytest.mark.parametrize(
    "line",
    [
        'predictor = Predictor.of(foretext.from_pretrained("somebody/model"))',
        "* source: somebody/gpt",
        "* drawn: 3 special tokens drawn from N(0, 0.02), seed 0",
        "* corpus: c0ffee",
        "| valid perplexity | 18.4 | |",
        "| validation accuracy | 0.8125 | 0.7500 to 0.8750 |",
        "| validation examples | 64 | |",
        "* data: da7af00d",
        "epochs = 3.0",
        "clip = 1.0",
        "* device: cpu",
        "* finetuning clip: `5.0`, in the paper `1.0`",
    ],
)
def test_the_card_carries_settings_fingerprints_and_scores(saved, tmp_path, line):
    save_pretrained(saved, tmp_path / "model", name="somebody/model")
    text = (tmp_path / "model" / "README.md").read_text()
    assert line in text.splitlines()
    assert "/home/somebody" not in text


def test_a_model_is_pushed_as_a_folder_that_loads(saved, tmp_path, monkeypatch):
    calls = []

    class Interface:
        def __init__(self, **options):
            calls.append(options)

        def create_repo(self, name, **options):
            calls.append((name, options))
            return f"https://hub/{name}"

        def upload_folder(self, *, repo_id, folder_path, commit_message):
            shutil.copytree(folder_path, tmp_path / "hub" / repo_id)

    monkeypatch.setattr(huggingface_hub, "HfApi", Interface)
    assert push_to_hub(saved, "somebody/model", private=True, token="t") == "https://hub/somebody/model"
    assert calls == [
        {"token": "t", "library_name": "foretext"},
        ("somebody/model", {"private": True, "exist_ok": True}),
    ]
    uploaded = tmp_path / "hub" / "somebody/model"
    assert sorted(path.name for path in uploaded.iterdir()) == [
        "README.md",
        "model.json",
        "model.safetensors",
        "tokenizer.json",
    ]
    assert from_pretrained(uploaded).history == saved.history


def test_a_name_on_the_hub_is_fetched_from_one_commit(saved, tmp_path, downloads):
    save_pretrained(saved, tmp_path / "hub/somebody/model")
    assert from_pretrained("somebody/model", revision="main").history == saved.history
    assert {name for name, _, _ in downloads} == {"somebody/model"}
    with pytest.raises(ModelError, match=r"somebody/empty on the Hugging Face Hub has no model\.json"):
        from_pretrained("somebody/empty")


def test_openai_gpt_is_fetched_and_imported_once(port, tmp_path, downloads, cache):
    shutil.copytree(port, tmp_path / "hub" / OPENAI_GPT_REPOSITORY)
    assert "openai-gpt" not in installed_models()
    assert find_model("openai-gpt") == cache / "openai-gpt"
    assert [file for _, file, _ in downloads] == ["config.json", "model.safetensors", "vocab.json", "merges.txt"]
    assert {revision for _, _, revision in downloads[1:]} == {COMMIT}
    weights = foretext.load_model(cache / "openai-gpt").gpt
    assert all(map(torch.equal, weights.parameters(), read_transformers(port).gpt.parameters()))
    downloads.clear()
    assert find_model("openai-gpt") == installed_models()["openai-gpt"]
    assert downloads == []


def test_a_folder_named_openai_gpt_is_taken_before_the_hub(port, tmp_path, downloads, monkeypatch):
    monkeypatch.chdir(tmp_path)
    port.rename(tmp_path / "openai-gpt")
    assert find_model("openai-gpt") == Path("openai-gpt")
    assert downloads == []


def test_no_other_name_uses_the_network(downloads):
    with pytest.raises(UnknownName, match="did you mean 'openai-gpt'"):
        find_model("openai-gtp")
    with pytest.raises(UnknownName):
        find_model("openai-community/openai-gpt")
    assert downloads == []


def test_without_a_network_openai_gpt_is_refused_and_nothing_is_left_behind(offline, cache):
    with pytest.raises(
        Unreachable, match="cannot reach the Hugging Face Hub for openai-community/openai-gpt; fetch it"
    ):
        find_model("openai-gpt")
    assert not cache.exists()


def test_a_damaged_download_is_refused_and_nothing_is_kept(port, tmp_path, downloads, cache):
    target = shutil.copytree(port, tmp_path / "hub" / OPENAI_GPT_REPOSITORY)
    (target / "model.safetensors").write_bytes((target / "model.safetensors").read_bytes()[:-1])
    with pytest.raises(ModelError, match=r"model\.safetensors is damaged"):
        find_model("openai-gpt")
    assert not cache.exists()


@pytest.mark.slow
@pytest.mark.parametrize(
    "command",
    [
        ["finetune", "openai-gpt", "--data", "nowhere.csv", "--kind", "classification", "--out", "run"],
        ["import", "hf", "openai-community/openai-gpt", "--out", "run"],
    ],
    ids=["finetune", "import"],
)
def test_offline_a_command_says_so_in_one_line_and_leaves_with_1(tmp_path, command):
    offline = {"HF_HUB_OFFLINE": "1", "HF_HOME": str(tmp_path / "hf")}
    program = [sys.executable, "-m", "foretext", *command]
    environment = {**os.environ, **offline, "PYTHONPATH": os.pathsep.join(sys.path)}
    done = subprocess.run(program, capture_output=True, text=True, cwd=tmp_path, env=environment, timeout=300)
    assert done.returncode == 1
    said = [line for line in done.stderr.splitlines() if line.startswith("foretext: ")]
    assert len(said) == 1
    assert "cannot reach the Hugging Face Hub for openai-community/openai-gpt" in said[0]
    assert not (tmp_path / "run").exists()


def test_importing_the_package_and_finding_a_folder_loads_no_hub_library(tmp_path):
    program = (
        "import sys, foretext; from foretext.checkpoints.find import find_model; find_model(sys.argv[1]);"
        "sys.exit('loaded' if 'huggingface_hub' in sys.modules else 0)"
    )
    done = subprocess.run([sys.executable, "-c", program, str(tmp_path)], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("home", ["none", "unreadable"])
def test_a_model_is_found_by_its_folder_where_there_is_no_home_to_read(home, tmp_path, monkeypatch):
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    if home == "none":
        monkeypatch.setattr(Path, "home", Mock(side_effect=RuntimeError("Could not determine home directory.")))
    else:
        monkeypatch.setenv("XDG_CACHE_HOME", "/tmp/" + "x" * 300)  # no system looks at such a name, even for root
    assert "openai-gpt" not in installed_models()


def test_fetching_without_a_home_says_what_to_set(monkeypatch):
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    monkeypatch.setattr(Path, "home", Mock(side_effect=RuntimeError("Could not determine home directory.")))
    with pytest.raises(SettingsError, match="XDG_CACHE_HOME"):
        find_model("openai-gpt")


def test_a_decoder_is_fetched_with_its_shards_and_what_stands_beside_them_from_one_commit(tmp_path, downloads):
    hub = tmp_path / "hub" / "somebody/decoder"
    hub.mkdir(parents=True)
    (hub / "config.json").write_text('{"model_type": "llama"}')
    (hub / "tokenizer.json").write_text("{}")
    (hub / "README.md").write_text("---\nlicense: mit\n---\n")
    (hub / "model.safetensors.index.json").write_text(
        '{"weight_map": {"a": "m-1.safetensors", "b": "m-2.safetensors"}}'
    )
    for shard in ("m-1.safetensors", "m-2.safetensors"):
        (hub / shard).write_bytes(b"")
    folder = fetch_transformers("somebody/decoder")
    assert folder.name == COMMIT
    assert {path.name for path in folder.iterdir()} == {path.name for path in hub.iterdir()}
    assert {revision for _, _, revision in downloads[1:]} == {COMMIT}
    (hub / "config.json").write_text('{"model_type": "falcon"}')
    downloads.clear()
    fetch_transformers("somebody/decoder")
    assert [file for _, file, _ in downloads] == ["config.json"]  # no weights for what cannot be read
