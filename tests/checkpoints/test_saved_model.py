"""A model goes to disk and comes back; what is missing, damaged or foreign is refused by name."""

from __future__ import annotations

import json

import pytest
import torch

from foretext.batch import pack
from foretext.checkpoints.find import find_model
from foretext.checkpoints.history import History, Pretraining, PretrainingResult
from foretext.checkpoints.saved_model import SavedModel, load_model, save_model
from foretext.errors import FingerprintMismatch, ModelError, UnknownName
from foretext.model.gpt import GPT
from foretext.model.sequences import Sequences
from foretext.model.settings import HeadSettings, ModelSettings
from foretext.tasks.schema import TaskSchema
from foretext.tokenizer import Tokenizer

TASK = TaskSchema(kind="classification", text=("text",), classes=("a", "b", "c"))
HISTORY = History(pretraining=Pretraining(settings={"seed": 4}, result=PretrainingResult(updates=7)))
TOKENIZER = Tokenizer.learn_from_texts(["the cat sat on the mat and the dog sat too"], 30)


@pytest.fixture
def folder(tmp_path):
    settings = ModelSettings(vocabulary=TOKENIZER.size, context=8, layers=1, width=16, heads=2)
    model = GPT(settings, HeadSettings(outputs=3), seed=4)
    save_model(tmp_path / "model", SavedModel(model, TOKENIZER, task=TASK, history=HISTORY))
    return tmp_path / "model"


def test_a_model_comes_back_to_the_bit_with_its_tokenizer_task_and_history(folder):
    back = load_model(folder)
    original = GPT(back.gpt.settings, HeadSettings(outputs=3), seed=4).eval()
    sequences = Sequences.of(pack([[[1, 2, 3]]]))
    assert torch.equal(back.gpt(sequences).states, original(sequences).states)
    assert back.tokenizer.fingerprint == TOKENIZER.fingerprint
    assert (back.task, back.history) == (TASK, HISTORY)


def test_weights_in_bf16_take_half_the_room_and_come_back_rounded(folder, tmp_path):
    saved = load_model(folder)
    save_model(tmp_path / "half", saved, dtype=torch.bfloat16)
    sizes = [(place / "model.safetensors").stat().st_size for place in (folder, tmp_path / "half")]
    assert sizes[1] < 0.6 * sizes[0]
    back = load_model(tmp_path / "half").gpt.embedding
    assert torch.equal(back, saved.gpt.embedding.to(torch.bfloat16).float())


def test_saving_again_replaces_the_model_and_leaves_other_files_alone(folder):
    (folder / "metrics.jsonl").write_text("kept\n")
    saved = load_model(folder)
    with torch.no_grad():
        saved.gpt.embedding.fill_(0.5)
    save_model(folder, saved)
    assert float(load_model(folder).gpt.embedding.detach().mean()) == 0.5
    assert sorted(path.name for path in folder.iterdir()) == [
        "metrics.jsonl",
        "model.json",
        "model.safetensors",
        "tokenizer.json",
    ]


@pytest.mark.parametrize("name", ["model.safetensors", "model.json", "tokenizer.json"])
def test_a_missing_file_is_named(folder, name):
    (folder / name).unlink()
    with pytest.raises(ModelError, match=name):
        load_model(folder)


def test_altered_weights_are_refused(folder):
    file = folder / "model.safetensors"
    data = bytearray(file.read_bytes())
    data[-1] ^= 1
    file.write_bytes(data)
    with pytest.raises(ModelError, match="damaged"):
        load_model(folder)


def test_a_model_with_another_tokenizer_is_refused_and_both_are_named(folder):
    other = Tokenizer.learn_from_texts(["quite other words"], 40)
    other.save(folder)
    with pytest.raises(FingerprintMismatch) as caught:
        load_model(folder)
    assert TOKENIZER.fingerprint[:12] in str(caught.value)
    assert other.fingerprint[:12] in str(caught.value)


@pytest.mark.parametrize(("key", "value"), [
    ("format", 99), ("model", {"layers": "many"}), ("head", {"outputs": -1}), ("task", {"kind": "any"}),
    ("history", "long"), ("history", {"finetuning": {"departures": [{"point": "6"}]}}),
    ("recommended", ["epochs"]), ("recommended", {"epochs": [3]}),
])  # fmt: skip
def test_a_description_that_is_not_ours_is_refused(folder, key, value):
    description = json.loads((folder / "model.json").read_text())
    (folder / "model.json").write_text(json.dumps({**description, key: value}))
    with pytest.raises(ModelError, match=r"model\.json"):
        load_model(folder)


def test_a_run_that_has_not_finished_says_how_to_go_on(tmp_path):
    (tmp_path / "run" / "checkpoints").mkdir(parents=True)
    with pytest.raises(ModelError, match="--resume"):
        load_model(tmp_path / "run")


def test_an_unknown_name_is_refused_with_the_names_there_are(tmp_path):
    with pytest.raises(UnknownName, match="no model called 'no-such-model'"):
        find_model("no-such-model")
    (tmp_path / "file").write_text("")
    with pytest.raises(ModelError, match="is a file"):
        find_model(tmp_path / "file")
