"""The whole road is open to a tokenizer of any mode."""

from __future__ import annotations

import random
from pathlib import Path

import numpy as np
import pytest

from foretext.checkpoints.saved_model import load_model
from foretext.corpus import Corpus
from foretext.model.settings import ModelShape
from foretext.recipes.evaluate import evaluate
from foretext.recipes.finetune import finetune
from foretext.recipes.generate import generate
from foretext.recipes.learn_tokenizer import learn_tokenizer
from foretext.recipes.perplexity import perplexity
from foretext.recipes.prepare import prepare
from foretext.recipes.pretrain import pretrain
from foretext.recipes.settings.evaluate import EvaluateSettings
from foretext.recipes.settings.finetune import FinetuneSettings
from foretext.recipes.settings.generate import GenerateSettings
from foretext.recipes.settings.learn_tokenizer import LearnTokenizerSettings
from foretext.recipes.settings.perplexity import PerplexitySettings
from foretext.recipes.settings.prepare import PrepareSettings
from foretext.recipes.settings.pretrain import PretrainSettings
from foretext.serving.predictor import Predictor
from foretext.tasks.labelled import LabelledDataSettings
from foretext.tokenizer import Tokenizer
from foretext.training.settings import LoopSettings

CPU = LoopSettings(device="cpu", precision="fp32")
PROMPTS = {"hf": ("Ann  saw", "ann saw"), "bytes": ("Ann  saw", "Ann  saw")}


@pytest.mark.parametrize("mode", PROMPTS)
def test_from_text_to_answers_in_every_mode(mode: str, labelled: Path, tmp_path: Path) -> None:
    books = write_books(tmp_path / "books")
    inputs, tokenizer = (str(books),), tmp_path / "tokenizer"
    learned = learn_tokenizer(LearnTokenizerSettings(inputs=inputs, out=tokenizer, size=300, mode=mode))
    assert learned.tokenizer.mode == mode
    prepare(PrepareSettings(inputs=inputs, out=tmp_path / "corpus", tokenizer=tokenizer, validation=0.1))
    pretrain(
        PretrainSettings(
            corpus=tmp_path / "corpus",
            out=tmp_path / "model",
            updates=20,
            batch=4,
            learning_rate=1e-2,
            warmup=2,
            model=ModelShape(context=48, layers=1, width=16, heads=2, initial_deviation=0.1),
            loop=CPU,
        )
    )
    model = str(tmp_path / "model")
    assert load_model(tmp_path / "model").tokenizer.fingerprint == learned.tokenizer.fingerprint
    assert perplexity(PerplexitySettings(model=model, inputs=inputs)).perplexity < 300
    prompt, shown = PROMPTS[mode]
    assert generate(GenerateSettings(model=model, prompt=prompt, tokens=20)).lines()[0].startswith(shown)
    finetune(
        FinetuneSettings(
            model=model,
            out=tmp_path / "run",
            labelled=LabelledDataSettings(data=labelled / "train.csv", kind="classification"),
            epochs=1,
            batch=8,
            loop=CPU,
        )
    )
    assert evaluate(EvaluateSettings(model=str(tmp_path / "run"), data=labelled / "test.csv")).evaluation.count == 24
    assert len(list(Predictor.load(tmp_path / "run", device="cpu").predict(["Ann saw a CAT.", "Zoë 猫"]))) == 2


def test_a_corpus_of_bytes_is_the_documents_with_a_line_break_behind_each(tmp_path: Path) -> None:
    (tmp_path / "one.txt").write_text("Ann  saw\n\n a Café.", encoding="utf-8")
    (tmp_path / "two.txt").write_text("\tБоб\x01!", encoding="utf-8")
    tokenizer = Tokenizer.learn([tmp_path / "one.txt"], 260, mode="bytes")
    tokenizer.save(tmp_path / "tokenizer")
    inputs = (str(tmp_path / "one.txt"), str(tmp_path / "two.txt"))
    settings = PrepareSettings(
        inputs=inputs, out=tmp_path / "corpus", tokenizer=tmp_path / "tokenizer", validation=0, workers=1
    )
    prepare(settings)
    shard = next((tmp_path / "corpus" / "train").glob("*.ds"))
    ids = np.fromfile(shard, Corpus.open(tmp_path / "corpus").manifest.plan.token_type)
    assert tokenizer.decode(ids.tolist()) == "Ann  saw\n\n a Café.\n\tБоб\x01!\n"


def test_a_model_of_bytes_that_draws_half_a_character_is_shown_all_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from foretext.checkpoints.saved_model import SavedModel, save_model
    from foretext.model.gpt import GPT
    from foretext.model.settings import ModelSettings
    from foretext.recipes import generate as recipe

    tokenizer = Tokenizer.learn_from_texts(["Ann saw a cat."], 256, mode="bytes")
    save_model(
        tmp_path / "model",
        SavedModel(GPT(ModelSettings(vocabulary=256, context=8, layers=1, width=8, heads=1)), tokenizer),
    )
    monkeypatch.setattr(recipe, "draw", lambda *_, **__: [*tokenizer.encode("\ud800"), 0xC3])
    shown = generate(GenerateSettings(model=str(tmp_path / "model"), prompt="Ann")).lines()[0]
    assert shown == "Ann\ufffd\ufffd"


def write_books(folder: Path) -> Path:
    folder.mkdir()
    draw = random.Random(0)
    for number in range(30):
        names = [draw.choice(["Ann", "Bob", "Zoë"]) for _ in range(20)]
        (folder / f"{number:02}.txt").write_text("\n".join(f"{name}  saw a cat." for name in names), encoding="utf-8")
    return folder
