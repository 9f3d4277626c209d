"""Imported decoders on the whole road: fine-tuning with λ and without, continued pre-training, answers, export."""

from __future__ import annotations

import csv
import random

import pytest
import torch

from foretext.batch import pack
from foretext.checkpoints.decoder_folder import read_decoder, write_decoder
from foretext.checkpoints.model_card import model_card
from foretext.checkpoints.saved_model import SavedModel, load_model
from foretext.cli import main
from foretext.corpus import prepare
from foretext.errors import ModelError
from foretext.model.answering import for_answering
from foretext.model.generation import generate
from foretext.model.gpt import GPT
from foretext.model.kernels.linear import int8_product
from foretext.model.sequences import Sequences
from foretext.model.settings import ModelShape
from foretext.recipes.finetune import finetune
from foretext.recipes.import_model import import_model
from foretext.recipes.pretrain import pretrain
from foretext.recipes.settings.finetune import FinetuneSettings
from foretext.recipes.settings.import_model import ImportModelSettings
from foretext.recipes.settings.pretrain import PretrainSettings
from foretext.tasks.labelled import LabelledDataSettings
from foretext.training.settings import LoopSettings

pytest.importorskip("transformers")

CPU = LoopSettings(device="cpu", precision="fp32")
FAMILIES = ("llama", "mistral", "qwen2", "qwen3", "gpt2", "neox")


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    """Sentences about a cat or a dog, which is the label."""
    path, draw = tmp_path_factory.mktemp("data") / "train.csv", random.Random(1)
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["text", "label"])
        for _ in range(48):
            animal = draw.choice(["cat", "dog"])
            writer.writerow(
                [f"the {animal} sat on {draw.choice(['the mat', 'a mat', 'it'])} in {draw.randrange(9)}", animal]
            )
    return path


@pytest.fixture(scope="module", params=FAMILIES)
def imported(request, decoder, tmp_path_factory):
    """The folder of an imported model."""
    _, folder = decoder(request.param, initializer_range=0.1)
    out = tmp_path_factory.mktemp("imported") / "model"
    import_model(ImportModelSettings(format="hf", source=str(folder), out=out))
    return out


def tuned(model, data, out, **values):
    labelled = LabelledDataSettings(data=data, kind="classification")
    return finetune(
        FinetuneSettings(model=str(model), out=out, labelled=labelled, **{"batch": 8, "loop": CPU, **values})
    )


def test_it_learns_a_task_by_the_papers_method(imported, data, tmp_path):
    tuned(imported, data, tmp_path / "run", epochs=4, learning_rate=3e-3)
    saved = load_model(tmp_path / "run")
    had_none = "gpt2" not in saved.history.imported.architecture
    assert saved.history.finetuning.settings["dropout"] == (0.0 if had_none else 0.1)
    named = {departure.setting for departure in saved.history.finetuning.departures}
    assert {"norm_at", "layers"} <= named
    assert ("dropout" in named) == had_none
    sequences = Sequences.of(pack([[saved.tokenizer.encode("the cat sat on it")], [[5, 6, 7]]]))
    with torch.no_grad():
        exact = saved.gpt.read(sequences)
        for precision in ("bf16", *(["int8"] if int8_product() else [])):
            rounded = for_answering(saved.gpt, precision).read(sequences)
            assert (rounded - exact).abs().max() < 0.1 * exact.abs().max(), precision


def test_without_the_auxiliary_loss_no_logits_are_computed(imported, data, tmp_path, monkeypatch):
    def refuse(*given, **named):
        raise AssertionError("logits over the vocabulary")

    monkeypatch.setattr("foretext.training.objectives.weighted_cross_entropy", refuse)
    tuned(imported, data, tmp_path / "run", epochs=1, language_model_weight=0)
    before, after = load_model(imported).gpt, load_model(tmp_path / "run").gpt
    assert not torch.equal(before.blocks[0].attention.output.weight, after.blocks[0].attention.output.weight)
    if before.output_matrix is not None:
        pieces = before.settings.vocabulary
        assert torch.equal(before.output_matrix[:pieces], after.output_matrix[:pieces])
    with pytest.raises(AssertionError, match="logits over the vocabulary"):
        tuned(imported, data, tmp_path / "with", epochs=1, language_model_weight=0.5)


def test_it_reads_on_in_a_text_of_ones_own(imported, tmp_path):
    """Sizes, form and dropout are those of the model, and nobody has to say them."""
    (tmp_path / "texts").mkdir()
    (tmp_path / "texts" / "one.txt").write_text("the cat sat on the mat and the dog sat too.\n" * 80)
    before = load_model(imported)
    prepare([tmp_path / "texts"], tmp_path / "corpus", tokenizer=before.tokenizer, workers=1, validation=0.1)
    shape = {"context": 32} if before.gpt.settings.positions == "rotary" else {}
    pretrain(
        PretrainSettings(
            corpus=tmp_path / "corpus",
            out=tmp_path / "run",
            start=str(imported),
            updates=4,
            batch=2,
            warmup=1,
            model=ModelShape(**shape),
            loop=CPU,
        )
    )
    after = load_model(tmp_path / "run").gpt
    settings = before.gpt.settings.model_copy(update=shape)
    assert after.settings.own_form == settings.own_form
    assert after.settings.context == settings.context
    assert after.settings.residual_dropout == settings.residual_dropout
    assert (after.embedding - before.gpt.embedding).abs().max() > 1e-5
    assert len(list(generate(after, [1, 2, 3], tokens=5))) == 5


def test_what_was_fine_tuned_goes_out_again_without_its_head(imported, data, tmp_path, capsys):
    import transformers

    tuned(imported, data, tmp_path / "run", epochs=1)
    assert main(["export", "hf", str(tmp_path / "run"), str(tmp_path / "out")]) == 0
    said = capsys.readouterr().out
    assert "left out, having no place there: the rows of the 3 special tokens, the task head (2 outputs)" in said
    model = transformers.AutoModelForCausalLM.from_pretrained(tmp_path / "out")
    assert torch.equal(model.get_input_embeddings().weight, load_model(tmp_path / "run").gpt.embedding[:300])
    assert main(["export", "openai", str(tmp_path / "run"), str(tmp_path / "other")]) == 2
    assert "cannot be written as GPT-1's" in capsys.readouterr().err


def test_the_commands_say_what_was_read(decoder, tmp_path, capsys):
    _, folder = decoder("llama")
    (folder / "README.md").write_text("---\nlicense: apache-2.0\nlanguage: en\n---\n# Tiny\n")
    assert main(["import", "hf", str(folder), "--out", str(tmp_path / "model")]) == 0
    said = capsys.readouterr().out
    assert "2 layers x 64, 8 heads, context 600, vocabulary 300: " in said
    assert "not the paper's: norm rms, norm at before" in said
    assert "licence: apache-2.0" in said
    assert "3 special tokens drawn from N(0, 0.02), seed 0" in said
    card = model_card(load_model(tmp_path / "model"), name="tiny", library="transformers")
    assert card.startswith("---\nlicense: apache-2.0\n")
    assert "- llama\n" in card
    assert "the tokenizer is the one of training" in card
    assert load_model(tmp_path / "model").history.imported.source == str(folder)
    assert str(folder) in card
    assert main(["recipe", str(tmp_path / "model")]) == 0
    recipe = capsys.readouterr().out
    for departure in ("rotary", "swiglu", "imported"):
        assert departure in recipe


def test_a_form_that_no_family_has_is_refused_by_name(decoder, tmp_path):
    _, folder = decoder("llama")
    saved = read_decoder(folder)
    gpt = GPT(saved.gpt.settings.model_copy(update={"activation": "relu2"}), seed=1)
    with pytest.raises(ModelError, match="none of llama, .*gpt_neox has the form of this model .*activation relu2"):
        write_decoder(tmp_path / "out", SavedModel(gpt, saved.tokenizer))
    assert not (tmp_path / "out").exists()
